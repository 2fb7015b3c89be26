"""Replay migrations through the policies and the loop, as they are.

    bench/replay [--json] FILE...

FILE is a scenario (guests for the simulator) or a trace (passes of a real
migration); nova_livemig_gpu/planning/cases/scenario_file.py and trace_file.py
say how they are written. Every server of every case is run with every seed.
Prints one line a run, or JSON with what was decided; exit status 1 where a
bound is missed, 2 where a file is wrong.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from nova_livemig_gpu.exception import InvalidCase, LiveMigrationError
from nova_livemig_gpu.planning.cases import case_file, trial
from nova_livemig_gpu.planning.cases.case import Case
from nova_livemig_gpu.planning.cases.trial import Trial

_COLUMNS = (
    "case",
    "server",
    "seed",
    "state",
    "total s",
    "waited s",
    "down ms",
    "post-copy s",
    "passes",
    "throttle",
    "missed",
)
#: Where no terminal tells its own.
_WIDTH = 132


def name(case: Case) -> str:
    """The case, as a reader knows it."""
    stem = Path(case.file).stem
    return f"{stem}, {case.variant}" if case.variant else stem


def number(value: float | None) -> str:
    """For the table."""
    return "-" if value is None else f"{value:.1f}"


def row(each: Trial) -> tuple[str, ...]:
    """One line of the table."""
    return (
        name(each.case),
        str(each.server),
        str(each.seed),
        each.state,
        number(each.total_s),
        number(each.waited_s),
        number(each.downtime_ms),
        number(each.postcopy_s),
        str(each.passes),
        f"{each.throttle_percent}%",
        "; ".join(each.missed),
    )


def as_json(each: Trial) -> dict[str, Any]:
    """One run, as JSON values."""
    values = asdict(each)
    case = values.pop("case")
    bounds = asdict(each.case.servers[each.server].bounds)
    return {
        "file": case["file"],
        "variant": case["variant"],
        **values,
        "bounds": {k: v for k, v in bounds.items() if v is not None},
    }


def cases(files: Sequence[Path]) -> list[Case]:
    """Those of all files; raises InvalidCase."""
    return [case for file in files for case in case_file.load(file)]


def trials(all_cases: Sequence[Case]) -> Iterator[Trial]:
    """Run them, and say so where somebody looks."""
    for each in all_cases:
        if sys.stderr.isatty():
            print(f"\r\033[K{name(each)}", end="\r", file=sys.stderr)
        yield from trial.run(each)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        "bench/replay",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    wanted = parser.parse_args(arguments)
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        done = list(trials(cases(wanted.files)))
    except InvalidCase as exc:
        print(f"bench/replay: {exc}", file=sys.stderr)
        return 2
    except LiveMigrationError as exc:
        print(f"bench/replay: a run failed: {exc}", file=sys.stderr)
        return 1
    finally:
        logging.disable(before)
    missed = sum(bool(each.missed) for each in done)
    if wanted.json:
        print(json.dumps([as_json(each) for each in done], indent=1))
    else:
        show(done, missed)
    return 1 if missed else 0


def show(done: Sequence[Trial], missed: int) -> None:
    """Print the table."""
    table = Table(box=None)
    for n, column in enumerate(_COLUMNS):
        right = 0 < n < len(_COLUMNS) - 1 and column != "state"
        table.add_column(
            column,
            justify="right" if right else "left",
            overflow="fold",
            no_wrap=column == "case",
        )
    for each in done:
        table.add_row(*row(each), style="bold" if each.missed else None)
    terminal = sys.stdout.isatty() or "COLUMNS" in os.environ
    Console(width=None if terminal else _WIDTH).print(table)
    print(f"{len(done)} runs, {missed} miss a bound")


if __name__ == "__main__":
    sys.exit(main())
