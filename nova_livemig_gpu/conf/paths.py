"""Where this package writes, and how much."""

from oslo_config import cfg

OPTS = [
    cfg.StrOpt(
        "state_dir",
        default="$state_path/livemig_gpu",
        help="""
Directory of the migration records, one JSON file for each migration that
this host was the source of, and of the history. It is created when needed,
with mode 0750, its files with 0640 at most; what is there keeps its mode.
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
* ``audit_log_max_mb``
""",
    ),
    cfg.IntOpt(
        "audit_log_max_mb",
        default=50,
        min=0,
        max=100000,
        help="""
Size of ``audit_log``, in MB, at which it is moved aside to ``audit.log.1``.
Four such files are kept, the oldest goes: five times this size in all. A
migration writes some 5 kB.

Possible values:

* 0: it is never moved aside, and grows until something else, such as
  logrotate, does so; for those who must keep every line
* 1 to 100000

Related options:

* ``audit_log``
""",
    ),
]
