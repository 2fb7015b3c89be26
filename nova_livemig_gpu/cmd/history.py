"""``nova-livemig-gpu history``: export and import."""

import argparse
import sys
from contextlib import nullcontext
from typing import Any

from nova_livemig_gpu.cmd import settings
from nova_livemig_gpu.cmd.failure import Failure, WrongInput
from nova_livemig_gpu.history import exchange

_MOST_NAMED = 5


def register(subcommands: Any) -> None:
    """Add ``history`` and what it can do."""
    history = subcommands.add_parser(
        "history",
        help="export or import what past migrations taught",
        description="The history of a host's migrations as JSON lines, so "
        "that many hosts can learn from each other.",
    )
    actions = history.add_subparsers(
        dest="action", metavar="ACTION", required=True
    )
    for name, run, text in (
        ("export", _export, "write all entries"),
        ("import", _import, "merge entries; those known already stay"),
    ):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument(
            "file",
            nargs="?",
            default="-",
            help="JSON lines (default: standard input or output)",
        )
        settings.add_to(action)
        action.set_defaults(run=run)


def _export(arguments: argparse.Namespace) -> None:
    history = settings.open_history(arguments, write=False)
    try:
        with _open(arguments.file, "w") as file:
            for line in exchange.lines(history) if history else ():
                print(line, file=file)
    except OSError as exc:
        if isinstance(exc, BrokenPipeError):
            raise
        raise Failure(f"{arguments.file} cannot be written: {exc}") from exc


def _import(arguments: argparse.Namespace) -> None:
    history = settings.open_history(arguments, write=True)
    assert history is not None
    try:
        with _open(arguments.file, "r") as file:
            done = exchange.load(history, file)
    except (OSError, UnicodeDecodeError) as exc:
        raise WrongInput("FILE", f"cannot be read: {exc}") from exc
    print(f"{done.read} entries read, {history.count()} in {history.path}")
    if not done.kept:
        raise Failure(f"{history.path} cannot be written")
    if done.wrong:
        named = "; ".join(done.wrong[:_MOST_NAMED])
        raise WrongInput(
            "FILE", f"{len(done.wrong)} lines are no entries: {named}"
        )


def _open(name: str, mode: str) -> Any:
    if name == "-":
        return nullcontext(sys.stdout if mode == "w" else sys.stdin)
    return open(name, mode)
