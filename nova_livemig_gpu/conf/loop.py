"""How the loop that steers a migration runs on this host."""

from oslo_config import cfg

OPTS = [
    cfg.IntOpt(
        "poll_interval_ms",
        default=250,
        min=50,
        max=1000,
        mutable=True,
        help="""
Milliseconds between two looks at a running migration.

Each look costs one query to QEMU. The loop looks more often, but never more
than every 50 ms, when a pass is about to end.
""",
    ),
    cfg.IntOpt(
        "switchover_overhead_ms",
        default=100,
        min=0,
        max=60000,
        mutable=True,
        help="""
What stopping, handing over and starting a server costs on this host beyond
copying its last memory, in milliseconds. It is kept free of the budget.

It is used until this host has seen ten migrations, or more where one of them
needed more; from then on what was measured is used.

Related options:

* ``max_downtime_ms``
""",
    ),
]
