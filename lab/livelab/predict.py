# SPDX-License-Identifier: Apache-2.0
"""Predict migrations before they start, migrate, and compare.

python -m livelab.predict [--report] [--out DIR] ...
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from livelab import paths
from livelab.hosts import Network
from livelab.libvirtd import Libvirtd
from livelab.predicting import journey, report
from livelab.predicting.loads import (
    BUDGETS_MS,
    LINKS_MBPS,
    LOADS,
    REPEATS,
    Cell,
    cells,
)
from livelab.predicting.results import Results
from livelab.predicting.runner import Runner

#: Migrations of another load first, over each link: a host has a history.
CALIBRATION = Cell("steady", 0, 500, -1)


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lab/predict", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--out", type=Path, default=Path("predicted"))
    parser.add_argument(
        "--report", action="store_true", help="only draw what is there"
    )
    parser.add_argument(
        "--loads",
        type=lambda text: text.split(","),
        default=list(LOADS),
        help=", ".join(LOADS),
    )
    parser.add_argument("--links", type=_numbers, default=LINKS_MBPS)
    parser.add_argument("--budgets", type=_numbers, default=BUDGETS_MS)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument(
        "--gauge",
        choices=("libvirt", "monitor"),
        default="monitor",
        help="how the dirty curve is measured; the monitor gives a guest of "
        "256 MiB as many samples as one of 8 GiB has by libvirt",
    )
    parser.add_argument("--seconds", type=float, default=26.0)
    parser.add_argument(
        "--minutes", type=float, help="begin no cell after so many"
    )
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """The command line."""
    given = _parser().parse_args(words)
    console = Console()
    results = Results(given.out / "results.jsonl")
    if not given.report:
        wanted = _wanted(given)
        _run(given, wanted, results, console)
    report.write(results.all, given.out, console)
    return 0


def _wanted(given: argparse.Namespace) -> list[Cell]:
    first = [
        Cell(CALIBRATION.load, link, CALIBRATION.budget_ms, repeat)
        for repeat in (-2, -1)
        for link in given.links
    ]
    return first + cells(
        given.loads, given.links, given.budgets, given.repeats
    )


def _run(
    given: argparse.Namespace,
    wanted: Sequence[Cell],
    results: Results,
    console: Console,
) -> None:
    left = [cell for cell in wanted if not results.done(cell.key)]
    if not left:
        return
    network = Network(state=paths.state_dir())
    network.up()
    hosts = [Libvirtd(network[name]) for name in ("compute1", "compute2")]
    for each in hosts:
        each.start()
    for each in hosts:
        each.wait_ready()
    until = time.monotonic() + (given.minutes or 1e6) * 60
    runner = Runner(network, hosts, results, given.gauge, given.seconds)
    bar = Progress(
        TextColumn("{task.fields[cell]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[doing]}"),
        console=console,
        speed_estimate_period=3600,
    )
    with journey.Events(), bar:
        task = bar.add_task("", total=len(left), cell="", doing="")
        try:
            for cell in left:
                if time.monotonic() > until:
                    break
                bar.update(task, cell=cell.key)
                result = runner.run(
                    cell, lambda text: bar.update(task, doing=text)
                )
                bar.console.print(report.line(result))
                bar.advance(task)
            runner.settle()
        finally:
            runner.close()


if __name__ == "__main__":
    sys.exit(main())
