"""Operators' own steps around a migration."""

from oslo_config import cfg

OPTS = [
    cfg.ListOpt(
        "hooks",
        default=[],
        help="""
Hooks that are called around every live migration from this host, in order.

Possible values:

* names of entry points in ``nova_livemig_gpu.hooks``
* ``nvml``: records what NVML tells of the server's vGPUs before and after
* ``quiesce``: asks the server's guest agent to freeze its file systems
  shortly before the switchover. The destination thaws them as soon as the
  server runs there; list the hook on all hosts, for a server is not frozen
  for one that does not list it, or does not answer. A server that is not
  switched over within 30 seconds is thawed; so is one whose nova-compute dies
  meanwhile, when that is started again. Where QEMU switches over with the
  limit that it had from the start, as with servers that hardly write and with
  vGPUs that were copied before, nobody is asked.
* ``audit``: writes each step to ``audit_log``

Related options:

* ``hook_timeout_s``
* ``quiesce_command``, ``resume_command``
* ``audit_log``
""",
    ),
    cfg.IntOpt(
        "hook_timeout_s",
        default=10,
        min=1,
        max=600,
        mutable=True,
        help="""
How many seconds one call of one hook may take. A hook that takes longer is
left to itself in its thread, the migration goes on, and log and record say
so. A ``preflight`` that takes longer refuses nothing.

Calls after a pass never keep the migration waiting.

Related options:

* ``hooks``
""",
    ),
    cfg.StrOpt(
        "quiesce_command",
        default="",
        mutable=True,
        help="""
Command that the hook ``quiesce`` runs in the server, through its guest
agent (``guest-exec``), instead of freezing its file systems. It has five
seconds; where it takes longer or fails, ``resume_command`` is run, and run
again at the end of a migration that fails; the migration goes on.

Possible values:

* an absolute path in the server, with arguments, separated by blanks
* empty: the file systems are frozen

Related options:

* ``hooks``, ``hook_timeout_s``, ``resume_command``
""",
    ),
    cfg.StrOpt(
        "resume_command",
        default="",
        mutable=True,
        help="""
Command that the hook ``quiesce`` runs in the server after its migration, at
the destination where it has completed, else at the source. It may be run more
than once. It has five seconds; that it takes longer or fails is logged.

Related options:

* ``hooks``, ``quiesce_command``
""",
    ),
]
