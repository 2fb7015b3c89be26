"""What is found out about a server before its migration starts."""

from oslo_config import cfg

OPTS = [
    cfg.StrOpt(
        "predict",
        default="measure",
        choices=[
            (
                "measure",
                "measure the server's dirty rate, which takes up to "
                "``dirty_rate_seconds`` before the migration starts",
            ),
            ("history", "use what past migrations have shown; takes no time"),
            ("off", "predict nothing"),
        ],
        mutable=True,
        help="""
How a live migration from this host is predicted before it starts.

Total time, downtime, convergence and, with vGPUs, their stun are predicted
for its policy and written into its record; what came of it goes into the
history and makes the next prediction better.

Related options:

* ``dirty_rate_seconds``
* ``dirty_rate_fresh_seconds``
* ``max_history``
""",
    ),
    cfg.IntOpt(
        "dirty_rate_seconds",
        default=5,
        min=1,
        max=120,
        mutable=True,
        help="""
For how many seconds at most the dirty rate of a server is measured before
its live migration starts. The start is delayed by as much. libvirt takes the
measurement; it is given up at once where libvirt or QEMU cannot do it, or
where the server has another job.

Longer is better for large servers: what they dirty in the time of the first
pass over their memory is known best if the measurement is 2.5 times as long.
It ends earlier where less is enough.

Related options:

* ``predict``
* ``dirty_rate_gauge``
* ``dirty_rate_fresh_seconds``
""",
    ),
    cfg.IntOpt(
        "dirty_rate_fresh_seconds",
        default=600,
        min=0,
        max=604800,
        mutable=True,
        help="""
How old what this host has learnt of a server's dirty rate may be, so that it
is not measured again before a live migration, whose start is not delayed
then.

Nothing is measured where earlier migrations of the same server showed three
or more points of its dirty curve within so many seconds: how much memory it
dirtied in passes whose durations differ by 10% or more from each other. A
server that has begun to write more since then is predicted as it was.

Possible values:

* 0: measure before each migration
* 1 to 604800 seconds

Related options:

* ``predict``
* ``dirty_rate_seconds``
""",
    ),
    cfg.StrOpt(
        "dirty_rate_gauge",
        default="libvirt",
        choices=[
            (
                "libvirt",
                "by libvirt: whole seconds, 512 sampled pages for each GiB",
            ),
            (
                "monitor",
                "by a command to QEMU's monitor: fractions of a second, "
                "16384 sampled pages for each GiB; libvirt marks the server "
                "as tainted (custom-monitor) from then on",
            ),
        ],
        mutable=True,
        help="""
How the dirty rate of a server is measured. The first is accurate enough for
servers of 8 GiB and more; smaller ones have too few samples.

Related options:

* ``predict``
* ``dirty_rate_seconds``
""",
    ),
]
