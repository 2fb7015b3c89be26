"""The link that migrations leave by, and those who share it."""

from oslo_config import cfg

OPTS = [
    cfg.StrOpt(
        "bandwidth_law",
        default="full",
        choices=[
            ("full", "as fast as link and share allow"),
            (
                "dynamic",
                "the first pass at 50 Mbit/s, each later one at the rate at "
                "which the last one dirtied memory plus 50 Mbit/s; up to what "
                "``full`` would send",
            ),
        ],
        mutable=True,
        help="""
How fast the memory of a server is sent before its switchover.

``dynamic`` (Clark et al., NSDI'05) leaves a link that tenants use to them for
most of a migration, which takes much longer for it: 1 GiB goes in 170 seconds
at 50 Mbit/s. What is sent while the server stands still, and after a switch
to post-copy, goes as fast as the link allows. The most that a pass is sent at
is the migration's share of the link (``share_link``); where the link's speed
is not known, ``bandwidth_mbps``, else 500 Mbit/s.

A server with a VFIO device, such as a vGPU, is sent by ``full`` in any case:
how long its device may stop it is reckoned from what the link is seen to
carry.

Related options:

* ``bandwidth_mbps``, ``share_link``, ``link_reserve_percent``
* flavor extra spec ``livemig_gpu:bandwidth_law``
""",
    ),
    cfg.BoolOpt(
        "share_link",
        default=True,
        mutable=True,
        help="""
Divide the link among the live migrations that leave this host at once, so
that each can end, and let one wait that could not end beside the others but
could end after them.

Each gets at least the rate at which its memory is predicted to be copied
faster than the server writes it, and a like part of what is left; where equal
parts are enough for all, nobody is limited. A migration
that may use post-copy, or that would not end even alone, makes nobody wait
and does not wait for its own sake. Where the speed of the link is not known,
or nothing is known of what the server writes (``predict``), a migration is
neither limited nor made to wait, as in Nova; the same holds with the policies
``nova`` and ``xen-2005``. One that is alone is limited by
``link_reserve_percent`` only.

A migration that waits is shown as ``queued`` and can be aborted. It counts as
one of Nova's concurrent migrations.

Related options:

* ``link_mbps``, where the kernel does not know the speed of the link
* ``link_reserve_percent``, ``link_wait_s``
* ``[DEFAULT] max_concurrent_live_migrations``: by default there is one only
""",
    ),
    cfg.IntOpt(
        "link_reserve_percent",
        default=0,
        min=0,
        max=90,
        mutable=True,
        help="""
How much of the link is left to tenants, in per cent of its speed, by all live
migrations that leave this host together.

It is not kept free while a server stands still at its switchover, after a
switch to post-copy, nor by a migration with the policy ``nova`` or
``xen-2005``.

Possible values:

* 0 to 90

Related options:

* ``share_link``, without which it is not in force
* ``link_mbps``
""",
    ),
    cfg.IntOpt(
        "link_wait_s",
        default=1800,
        min=0,
        max=86400,
        mutable=True,
        help="""
Seconds that a live migration waits at most for others to leave the link (see
``share_link``). After that it goes, and the log says so.

Possible values:

* 0: none waits
* 1 to 86400

Related options:

* ``share_link``
""",
    ),
]
