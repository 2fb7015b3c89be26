# SPDX-License-Identifier: Apache-2.0
"""lab/check [NAME...]: try the driver, with stock Nova beside it.

The cloud must be up; nothing else may use it meanwhile. Each trial is run
with stock Nova first, to show, then with the plugin, to judge; after it
servers are ACTIVE and daemons up again.
"""

import argparse
import json
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from livelab import paths
from livelab.checks import table, world
from livelab.checks.registry import TRIALS
from livelab.checks.table import Found
from livelab.checks.trial import Notes, Trial, choose
from livelab.cloud import computes, mode
from livelab.cloud.mode import Driver, Mode
from livelab.cloud.site import Site
from livelab.errors import LabError

FILE_COLUMNS = 160


def main(words: Sequence[str] | None = None) -> int:
    """0; 1 when something is not as it must be with the plugin."""
    given = _parser().parse_args(words)
    console = Console(highlight=False)
    if not console.is_terminal:
        # rich assumes 80 columns for what is no terminal
        console = Console(highlight=False, width=FILE_COLUMNS)
    if given.list:
        for trial in TRIALS:
            console.print(f"{trial.name:22} {escape(trial.does)}")
        return 0
    try:
        chosen = choose(given.names, TRIALS)
        if not Site().controller.alive():
            raise LabError("the cloud is not up; start it with lab/up")
        found = _run_all(chosen, given.driver, console)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130
    console.print(table.make(found))
    _write(found, given.out)
    failed = [one for one in found if one.driver == "plugin" and one.bad]
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lab/check",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="all")
    parser.add_argument("--list", action="store_true", help="the trials")
    parser.add_argument(
        "--driver",
        choices=("stock", "plugin", "both"),
        default="both",
        help="with which (default: both)",
    )
    parser.add_argument("--out", type=Path, help="file for the results, JSON")
    return parser


def _run_all(
    chosen: Sequence[Trial], driver: str, console: Console
) -> list[Found]:
    """All with stock Nova, then all with the plugin: fewer restarts."""
    before = mode.load(Site().state)
    found = []
    wanted: tuple[Driver, ...] = ("stock", "plugin")
    try:
        for one in wanted:
            if driver not in (one, "both"):
                continue
            for trial in chosen:
                if one == "plugin" or trial.stock:
                    found.append(_run(trial, one, console))
    finally:
        _restore(before)
    return found


def _restore(before: Mode) -> None:
    if mode.load(Site().state) != before:
        computes.use(before)


def _run(trial: Trial, driver: Driver, console: Console) -> Found:
    notes = Notes()
    begin = time.monotonic()

    def say(text: str) -> None:
        spent = time.monotonic() - begin
        if console.is_terminal:
            console.print(f"[dim]    {spent:5.1f} s  {escape(text)}")

    console.print(f"  [bold]{trial.name}[/], {driver}: {escape(trial.does)}")
    try:
        with world.opened(driver, say) as now:
            if trial.prepare:
                trial.prepare(now)
            else:
                now.use(trial.options)
            trial.run(now, notes)
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        if error.__context__ not in (None, error.__cause__):
            # Of the trial; the one above is of putting things back.
            what += f"; before that: {error.__context__}"
        if not isinstance(error, LabError):
            what += "\n" + traceback.format_exc()
        notes.expect("the trial itself", False, what)
    for note in notes.items:
        console.print("   ", table.line(note, driver))
    console.print(f"    [dim]{time.monotonic() - begin:.0f} s")
    return Found(trial, driver, notes, time.monotonic() - begin)


def _write(found: Sequence[Found], out: Path | None) -> None:
    if out is None:
        folder = paths.state_dir() / "results"
        folder.mkdir(exist_ok=True)
        out = folder / f"check-{time.strftime('%Y%m%d-%H%M%S')}.json"
    body = [
        {
            "trial": one.trial.name,
            "driver": one.driver,
            "seconds": round(one.seconds, 1),
            "notes": [asdict(note) for note in one.notes.items],
        }
        for one in found
    ]
    out.write_text(json.dumps(body, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
