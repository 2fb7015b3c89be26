# SPDX-License-Identifier: Apache-2.0
"""The simulator against real migrations: its error, run by run.

bench/simulated [FILE]

FILE is results.jsonl of lab/predict or of bench/run; default: the migrations
kept in bench/predicted. Exit status 1 where the median error of the total is
above 10%.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles

from rich.console import Console
from rich.table import Table

from livelab.benching import calibrate, retold
from livelab.benching.compared import Compared
from livelab.errors import LabError
from livelab.predicting.results import Results

TARGET = 0.10
#: Of bench/run.
CUT_S = 155.0
KEPT = Path(__file__).parents[2] / "bench" / "predicted" / "results.jsonl"


def found(rows: Sequence[retold.Row]) -> list[Compared]:
    """Every run, or every cell, really and simulated; raises LabError."""
    if rows and "contestant" in rows[0]:
        return calibrate.compare(rows, CUT_S)
    told = retold.retell(rows)
    if not told:
        raise LabError("there is no run to compare with")
    return told


def table(told: Sequence[Compared]) -> Table:
    """One line a run."""
    made = Table(box=None)
    made.add_column("migration")
    for name in ("total, s", "simulated", "error", "downtime", "simulated"):
        made.add_column(name, justify="right")
    for each in told:
        made.add_row(
            each.key,
            *(
                "not completed" if value is None else f"{value:.1f}"
                for value in (each.real_s, each.simulated_s)
            ),
            "" if each.error is None else f"{each.error * 100:+.1f}%",
            *(
                "" if value is None else f"{value:.0f}"
                for value in (each.real_ms, each.simulated_ms)
            ),
        )
    return made


def summary(told: Sequence[Compared]) -> str:
    """All in a sentence."""
    errors = [abs(each.error) for each in told if each.error is not None]
    agree = sum(each.agrees for each in told)
    said = f"completed or not, as really: {agree} of {len(told)}"
    if len(errors) < 2:
        return said
    down = [
        abs(each.simulated_ms - each.real_ms)
        for each in told
        if each.simulated_ms is not None and each.real_ms is not None
    ]
    return (
        f"error of the total: median {median(errors) * 100:.1f}%, 90% of "
        f"{len(errors)} below {quantiles(errors, n=10)[-1] * 100:.1f}%; of "
        f"the downtime: median {median(down):.0f} ms; {said}"
    )


def main(words: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="bench/simulated", description=__doc__.splitlines()[0]
    )
    parser.add_argument("file", type=Path, nargs="?", default=KEPT)
    given = parser.parse_args(words)
    logging.getLogger("nova_livemig_gpu").setLevel(logging.ERROR)
    try:
        told = found(Results(given.file).all)
    except LabError as error:
        print(f"simulated: {error}", file=sys.stderr)
        return 2
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table(told))
    console.print(summary(told), highlight=False)
    errors = [abs(each.error) for each in told if each.error is not None]
    return 0 if errors and median(errors) <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
