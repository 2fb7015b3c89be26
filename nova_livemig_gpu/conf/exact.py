"""The exact check: NVML's own verdict, taken on the destination."""

from oslo_config import cfg

OPTS = [
    cfg.StrOpt(
        "unknown_compatibility",
        default="warn",
        choices=[
            ("refuse", "the destination refuses; Nova tries the next host"),
            ("warn", "the migration goes on, and the log says so"),
            ("allow", "the migration goes on"),
        ],
        mutable=True,
        help="""
What the destination of a live migration does when it cannot learn whether
NVIDIA's driver can migrate the server's vGPU to it: the source host runs
without this package, does not answer in time, or cannot read the vGPU's
metadata, or there is no NVML on the destination.

It is not asked for vGPUs of other vendors.

Related options:

* ``exact_check_timeout_s``
""",
    ),
    cfg.IntOpt(
        "exact_check_timeout_s",
        default=10,
        min=1,
        max=300,
        mutable=True,
        help="""
How many seconds the destination waits for the source's answer.

Related options:

* ``unknown_compatibility``
* ``[DEFAULT] long_rpc_timeout`` must be larger
""",
    ),
]
