"""Defaults of the settings that a flavor or an image can override.

All are mutable: change the file, and the next migration uses the new value
(``conf.reader``). No signal and no restart is needed.
"""

from oslo_config import cfg

OPTS = [
    cfg.StrOpt(
        "policy",
        default="adaptive",
        mutable=True,
        help="""
The policy that steers a live migration.

Possible values:

* ``adaptive``: learns bandwidth and dirty memory while the migration runs,
  sets the downtime limit to what is needed, and takes post-copy or
  auto-converge where further passes cannot reach the budget.
* ``nova``: leaves the migration to Nova's own monitor.
* ``nova-staircase``, ``nova-vgpu-guide``: Nova's schedule of downtime limits,
  with the numbers of ``[libvirt]`` or with those of Nova's guide for vGPUs.
* ``ovirt-minimal-downtime``, ``ovirt-suspend``, ``ovirt-post-copy``,
  ``ovirt-very-large``, ``kubevirt``, ``kubevirt-disrupt``,
  ``kubevirt-stall``, ``kubevirt-stall-disrupt``, ``proxmox``, ``xen-2005``:
  the control laws of these products.
* the name of any other entry point in ``nova_livemig_gpu.policies``.

Related options:

* flavor extra spec ``livemig_gpu:policy``
""",
    ),
    cfg.IntOpt(
        "max_downtime_ms",
        default=500,
        min=10,
        max=2000000,
        mutable=True,
        help="""
The longest time, in milliseconds, that a server may stand still at the
switchover of its live migration (its budget).

Possible values:

* 10 to 2000000, the most that QEMU accepts

Related options:

* flavor extra spec ``livemig_gpu:max_downtime_ms``
* ``[libvirt] live_migration_downtime``, ``live_migration_downtime_steps``
  and ``live_migration_downtime_delay`` are used by the policy ``nova`` only
""",
    ),
    cfg.IntOpt(
        "timeout_s",
        min=0,
        max=31536000,
        mutable=True,
        help="""
Seconds that a live migration may run before ``on_timeout`` is done.

Possible values:

* 0: no timeout
* unset: ``[libvirt] live_migration_completion_timeout`` seconds for each
  GiB of memory and disk, as in Nova

Related options:

* ``on_timeout``
* flavor extra spec ``livemig_gpu:timeout_s``
""",
    ),
    cfg.StrOpt(
        "on_timeout",
        choices=[
            ("abort", "give up; the server runs on at its source"),
            (
                "force_complete",
                "post-copy where it is allowed, else pause the server until "
                "its memory is copied",
            ),
            ("postcopy", "start post-copy; where it is forbidden, give up"),
            ("continue", "let the migration run"),
        ],
        mutable=True,
        help="""
What is done with a live migration that runs longer than ``timeout_s``.

Unset means what ``[libvirt] live_migration_timeout_action`` says.

Related options:

* ``timeout_s``, ``postcopy``
* flavor extra spec ``livemig_gpu:on_timeout``
""",
    ),
    cfg.StrOpt(
        "not_converging",
        default="continue",
        choices=[
            (
                "continue",
                "it goes on until timeout_s; log, record and the server's "
                "events say once that it is not expected to end, and what "
                "would help",
            ),
            ("abort", "give up at once; the server runs on at its source"),
        ],
        mutable=True,
        help="""
What the policy ``adaptive`` does before ``timeout_s`` with a live migration
that is not expected to end: each pass leaves more memory than
``max_downtime_ms`` allows, and further passes gain nothing.

A load may fall at any time, and with ``continue`` the migration ends soon
after it has. ``abort`` frees the link for others, after 3 passes and 30 s
without a gain at least; where ``on_timeout`` is not ``abort`` it changes
nothing for a server without a VFIO device.

Related options:

* ``timeout_s``, ``on_timeout``, ``postcopy``, ``auto_converge``
* flavor extra spec ``livemig_gpu:not_converging``
""",
    ),
    cfg.StrOpt(
        "postcopy",
        choices=[
            ("allow", "use post-copy where pre-copy cannot keep the budget"),
            ("forbid", "never use post-copy"),
        ],
        mutable=True,
        help="""
Whether a server may be switched to post-copy.

Unset means what ``[libvirt] live_migration_permit_post_copy`` says. A
server with a VFIO device (vGPU or PCI passthrough), a paused server and a
server with persistent memory never uses post-copy, whatever this says.

Related options:

* flavor extra spec ``livemig_gpu:postcopy``
""",
    ),
    cfg.StrOpt(
        "auto_converge",
        choices=[
            ("allow", "slow the CPUs down where the budget needs it"),
            ("forbid", "never slow the CPUs down"),
        ],
        mutable=True,
        help="""
Whether a server's CPUs may be slowed down so that its migration ends.

Unset means what ``[libvirt] live_migration_permit_auto_converge`` says.
Where post-copy is allowed for the server auto-converge is not used.

CPUs that are slowed down by p percent stand still for 10 ms * p / (100 - p) at
a time: 90 ms at 90%, 990 ms at 99%, which is as far as QEMU goes where nothing
less lets the migration end. That is counted as a part of the pause up to half
of ``max_downtime_ms`` less ``switchover_overhead_ms``; a throttle beyond that
is taken where nothing less ends the migration, and may break the budget.

Related options:

* ``postcopy``
* flavor extra spec ``livemig_gpu:auto_converge``
""",
    ),
    cfg.IntOpt(
        "bandwidth_mbps",
        min=0,
        max=10000000,
        mutable=True,
        help="""
The most that one migration may send, in Mbit/s. It holds in post-copy, too,
but for the memory that the server waits for.

Possible values:

* 0: no limit
* unset: ``[libvirt] live_migration_bandwidth``, which as in Nova does not hold
  in post-copy
* anything else: rounded to whole MiB/s, which is what libvirt counts in,
  1 MiB/s at least

Related options:

* flavor extra spec ``livemig_gpu:bandwidth_mbps``
""",
    ),
    cfg.StrOpt(
        "goal",
        default="fast",
        choices=[
            ("fast", "least total time within max_downtime_ms"),
            ("gentle", "least downtime within timeout_s"),
        ],
        mutable=True,
        help="""
What the policy ``adaptive`` aims at.

Related options:

* ``max_downtime_ms``, ``timeout_s``
* flavor extra spec ``livemig_gpu:goal``
""",
    ),
    cfg.StrOpt(
        "over_budget",
        default="warn",
        choices=[
            ("refuse", "it is refused before anything is copied"),
            ("warn", "it goes, and the log and its record say so"),
            ("allow", "it goes"),
        ],
        mutable=True,
        help="""
What is done with the live migration of a server with a VFIO device (vGPU or
PCI passthrough) whose state is predicted to need a longer pause than
``max_downtime_ms``, or whose memory is predicted not to converge.

With ``warn`` and ``allow`` the pause takes what the device needs, so that
what plain Nova would migrate is migrated. With ``refuse`` set
``max_downtime_ms`` to what your vGPUs need. Where
nothing can be predicted, nothing is refused; a migration that then turns
out not to fit into its budget is dealt with as ``on_timeout`` says, or goes
beyond it with ``warn`` and ``allow``.

Of a GPU that was migrated fewer than 5 times from this host the median of
the prediction counts, later the value that is exceeded once in ten times. Of
a GPU that was never migrated from here there is a guess only, made from what
is published and from the speed of the link: the log says it, and ``refuse``
does not refuse for it, since none would ever be migrated and known then. The
scheduler's VGPUCompatibilityFilter, which leaves out hosts with a link that
is too slow, goes by the same figure and the same setting.

Related options:

* ``max_downtime_ms``, ``on_timeout``
* flavor extra spec ``livemig_gpu:over_budget``
""",
    ),
    cfg.StrOpt(
        "postcopy_start",
        default="after_first_pass",
        choices=[
            ("after_first_pass", "when all memory has been sent once"),
            (
                "as_predicted",
                "inside the first pass where pre-copy is foreseen to take "
                "much longer; else after it",
            ),
        ],
        mutable=True,
        help="""
When the policy ``adaptive`` with goal ``fast`` may switch a server to
post-copy.

The earlier, the shorter is the migration, and the longer does the server
fetch memory that it needs from its old host: it starts slowly there, beyond
``max_downtime_ms`` (seen: a second instead of 0.3 s, for a migration of 7
seconds instead of 8), and while it does, the loss of either host or of the
link between them loses the server. ``as_predicted`` switches inside the
first pass only where the dirty curve is known before the start (see
``predict``) and says that pre-copy would not end, or take a quarter longer;
and no earlier than when a tenth of the memory would have to be sent twice.
Where nothing is known it is ``after_first_pass``.

Related options:

* ``postcopy``, ``goal``, ``predict``
* flavor extra spec ``livemig_gpu:postcopy_start``
""",
    ),
    cfg.ListOpt(
        "image_properties",
        default=[],
        mutable=True,
        help="""
The settings that an image may override, and so whoever uploads images.

An image property is named like the extra spec with an underscore for the
colon: ``livemig_gpu_max_downtime_ms``. A flavor's extra spec wins over the
image.

Possible values:

* a list of ``policy``, ``max_downtime_ms``, ``timeout_s``, ``on_timeout``,
  ``not_converging``, ``postcopy``, ``auto_converge``, ``bandwidth_mbps``,
  ``goal``, ``over_budget``, ``postcopy_start``, ``bandwidth_law``; empty:
  image properties are ignored
""",
    ),
]
