# SPDX-License-Identifier: Apache-2.0
"""The lab's commands: up, down, status, shell, demo, vfio."""

import argparse
import sys
from collections.abc import Callable, Sequence

from livelab.cloud import down, hypervisors, mode, shell, status, up
from livelab.errors import LabError
from livelab.hosts import CONTROLLER
from livelab.vfio import cli as vfio_cli


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; an error is one message and exit code 1."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if words[:1] == ["demo"]:
            # It has options of its own.
            return _demo(words[1:])
        arguments = _parser().parse_args(words)
        run: Callable[[argparse.Namespace], int] = arguments.run
        return run(arguments)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; lab/down cleans up", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lab", description="A two-host OpenStack on this machine."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_up(commands.add_parser("up", help="start the cloud"))
    _add_down(commands.add_parser("down", help="stop and remove it"))
    one = commands.add_parser("status", help="what runs, what does not")
    one.set_defaults(run=_status)
    _add_shell(commands.add_parser("shell", help="a shell in a host"))
    vfio_cli.add(commands.add_parser("vfio", help="the VFIO hosts"))
    commands.add_parser("demo", help="stock Nova and the plugin, compared")
    return parser


def _add_up(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--driver",
        choices=mode.DRIVERS,
        default="stock",
        help="what steers live migrations (default: stock Nova)",
    )
    parser.add_argument(
        "--hosts",
        choices=hypervisors.KINDS,
        help="namespaces, virtual machines with mediated devices, or such "
        "machines of two generations with KVM (default: as before, plain at "
        "first)",
    )
    parser.add_argument(
        "--rate-mbit",
        type=int,
        default=up.RATE_MBIT,
        metavar="N",
        help="what each compute may send; 0: no limit (default %(default)s)",
    )
    parser.set_defaults(run=_up)


def _add_down(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--keep",
        action="store_true",
        help="keep databases and disks for a quick `up`",
    )
    group.add_argument(
        "--purge",
        action="store_true",
        help="remove the virtual environment and the cache too",
    )
    parser.set_defaults(run=_down)


def _add_shell(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("host", nargs="?", default=CONTROLLER.name)
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, help="instead of a shell"
    )
    parser.set_defaults(run=_shell)


def _up(arguments: argparse.Namespace) -> int:
    if arguments.rate_mbit < 0:
        raise LabError("--rate-mbit: must be 0 or more")
    up.up(
        mode.Mode(arguments.driver),
        rate_mbit=arguments.rate_mbit or None,
        hosts=arguments.hosts,
    )
    return 0


def _down(arguments: argparse.Namespace) -> int:
    down.down(keep=arguments.keep, purge=arguments.purge)
    return 0


def _status(_: argparse.Namespace) -> int:
    return 0 if status.show() else 1


def _shell(arguments: argparse.Namespace) -> int:
    return shell.run(arguments.host, arguments.command)


def _demo(words: Sequence[str]) -> int:
    # Here, not above: the demo draws plots, and nothing else needs that.
    from livelab import demo

    code = demo.main(words)
    return int(code or 0)
