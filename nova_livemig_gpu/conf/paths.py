"""Where this package writes, and how much."""

from oslo_config import cfg

OPTS = [
    cfg.StrOpt(
        "state_dir",
        default="$state_path/livemig_gpu",
        help="""
Directory of the migration records, one JSON file for each migration that
this host was the source of. It is created when needed.
""",
    ),
    cfg.IntOpt(
        "max_records",
        default=1000,
        min=1,
        max=1000000,
        mutable=True,
        help="""
How many migration records are kept; the oldest go first.
""",
    ),
    cfg.StrOpt(
        "audit_log",
        default="$state_path/livemig_gpu/audit.log",
        help="""
File to which every live-migration notification of Nova is appended, one
JSON object a line. It is opened anew for every line, so that it can be
rotated at any time. Empty: no audit log.

Related options:

* ``[oslo_messaging_notifications] driver`` must name ``livemig_gpu``
* ``[notifications] notification_format``
""",
    ),
]
