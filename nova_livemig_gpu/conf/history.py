"""What is kept of past migrations, to predict the next one."""

from oslo_config import cfg

OPTS = [
    cfg.IntOpt(
        "max_history",
        default=100000,
        min=10,
        max=100000,
        help="""
How many migrations the history of this host keeps, from which the next ones
are predicted; the oldest go first.

The history is the file ``history.sqlite3`` in ``state_dir``, of 100 MB at
most. Losing it makes predictions less accurate for a while, nothing else.

Possible values:

* 10 to 100000

Related options:

* ``state_dir``
* ``max_records``
""",
    ),
]
