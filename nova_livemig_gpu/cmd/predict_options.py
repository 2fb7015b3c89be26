"""The options of ``nova-livemig-gpu predict``."""

import argparse

from nova_livemig_gpu.cmd import arguments as read
from nova_livemig_gpu.model import Mode


def link_mbps(
    arguments: argparse.Namespace, known_mbps: int | None = None
) -> int | None:
    """Return the speed of the link that devices are sent over; None: unknown.

    :param known_mbps: where none is given
    """
    if arguments.link_mbps is not None:
        return int(arguments.link_mbps)
    if known_mbps is None and arguments.bandwidth_bps is not None:
        return int(max(arguments.bandwidth_bps / 1e6, 1))
    return known_mbps


def of_what(parser: argparse.ArgumentParser) -> None:
    """Add what is migrated."""
    group = parser.add_argument_group("what is migrated")
    group.add_argument(
        "--curve", metavar="FILE", help="measured dirty curve; -: stdin"
    )
    group.add_argument(
        "--server", metavar="UUID", help="a server of this host"
    )
    group.add_argument(
        "--measure",
        action="store_true",
        help="with --server: measure its dirty rate now, for "
        "dirty_rate_seconds; not while it is migrating",
    )
    group.add_argument(
        "--framebuffer-gb",
        metavar="N[,N]",
        type=read.several(read.least("10**9 bytes")),
        help="framebuffer in use by each vGPU, in 10**9 bytes",
    )
    group.add_argument("--gpu", metavar="NAME", help="GPU of these vGPUs")
    group.add_argument("--vgpu-type", metavar="NAME")
    group.add_argument("--driver", metavar="VERSION", help="of the host")
    group.add_argument(
        "--disk-gb",
        metavar="N",
        type=read.least("10**9 bytes"),
        default=0.0,
        help="disk that block migration copies, in 10**9 bytes",
    )


def over_what(parser: argparse.ArgumentParser) -> None:
    """Add how it is migrated."""
    group = parser.add_argument_group("how it is migrated")
    group.add_argument(
        "--bandwidth-bps",
        metavar="N",
        type=read.above("bits per second"),
        help="bits per second that memory is sent at",
    )
    group.add_argument(
        "--max-downtime-ms",
        metavar="N",
        type=read.least("milliseconds"),
        help="downtime limit; with --server its budget (default: option "
        "max_downtime_ms)",
    )
    group.add_argument(
        "--mode",
        choices=[mode.value for mode in Mode],
        default=Mode.PRECOPY.value,
    )
    group.add_argument(
        "--model",
        choices=("passes", "qemu", "constant"),
        help="passes: ends with the pass that fits (default); qemu: with "
        "QEMU's own rule (default with --server); constant: one dirty rate, "
        "to compare with",
    )
    group.add_argument(
        "--queue-bytes",
        metavar="N",
        type=read.least("bytes"),
        default=0.0,
        help="in the source's socket when the server stops",
    )
    group.add_argument(
        "--overhead-ms",
        metavar="N",
        type=read.least("milliseconds"),
        help="part of the pause that is not copying (default: 0; with "
        "--server from its history)",
    )
    group.add_argument(
        "--switch-ms",
        metavar="N",
        type=read.least("milliseconds"),
        help="pause of a switch to post-copy (default: 0; with --server 50)",
    )
    group.add_argument(
        "--link-mbps",
        metavar="N",
        type=read.count,
        help="speed of the migration network, Mbit/s: how fast vGPUs are "
        "sent (default: --bandwidth-bps); with --server the bandwidth, at "
        "most, where no history tells (default there: option link_mbps)",
    )
    group.add_argument(
        "--destination", metavar="HOST", help="for the history, with --server"
    )
