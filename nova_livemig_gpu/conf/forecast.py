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
