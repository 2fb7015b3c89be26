# SPDX-License-Identifier: Apache-2.0
"""Policies side by side: the same guests, loads and links, in turn.

bench/run [--quick] [--out DIR] ...

Two libvirtds in namespaces, a shaped link between them, real QEMU guests
that write memory; no OpenStack. What is in DIR/results.jsonl is not run
again, so that a run that was stopped goes on. Ends with results.csv,
medians.md and bench.html in DIR.
"""

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from livelab import paths
from livelab.benching import contestants, loads, report
from livelab.benching.cells import Cell, cells, settled
from livelab.benching.estimate import Estimate
from livelab.benching.runner import Runner
from livelab.errors import LabError
from livelab.hosts import Network
from livelab.libvirtd import Libvirtd
from livelab.predicting import journey
from livelab.predicting.results import Results
from livelab.vfio.measure import runs
from livelab.vfio.measure.runs import Run

#: The budget is the default of max_downtime_ms.
LINKS_MBPS, BUDGETS_MS, REPEATS = (400, 800), (500,), 3
QUICK_LINKS, QUICK_REPEATS = (400,), 1
#: KubeVirt's own timeout is 150 s for guests of this size.
CUT_S, QUICK_CUT_S = 155.0, 60.0
#: Of what is printed, where there is no terminal.
WIDTH = 170
#: A cell that took longer, or did not end, is not repeated.
LONG_S = 20.0


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(";")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench/run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"loads: {'; '.join(x.name for x in loads.ALL)}\n"
        f"policies: {'; '.join(x.name for x in contestants.ALL)}",
    )
    add = parser.add_argument
    add("--out", type=Path, default=Path("bench-results"))
    add("--quick", action="store_true", help="few cells, once each")
    add("--loads", type=_words, help="names with semicolons between")
    add("--policies", type=_words, help="names with semicolons between")
    add("--links", type=_numbers, help="Mbit/s, with commas between")
    add("--budgets", type=_numbers, help="ms, for adaptive")
    add("--repeats", type=int)
    add("--cut", type=float, help="seconds until a migration is aborted")
    add(
        "--long",
        type=float,
        default=LONG_S,
        help="seconds; a cell that took longer, or did not end, is not "
        "repeated (default: %(default)s)",
    )
    add("--minutes", type=float, help="begin no cell after so many")
    add(
        "--devices",
        type=Path,
        help="runs of lab/vfio measure, to be shown as well",
    )
    add("--plan", action="store_true", help="only tell how long it takes")
    add("--report", action="store_true", help="only write the report")
    return parser


def _defaults(given: argparse.Namespace) -> None:
    """Fill in what was not given."""
    quick = given.quick
    given.loads = loads.find(
        given.loads or (list(loads.QUICK) if quick else list(loads.FULL))
    )
    given.policies = contestants.find(
        given.policies
        or (list(contestants.QUICK) if quick else list(contestants.FULL))
    )
    given.links = given.links or (QUICK_LINKS if quick else LINKS_MBPS)
    given.budgets = given.budgets or BUDGETS_MS
    given.repeats = given.repeats or (QUICK_REPEATS if quick else REPEATS)
    given.cut = given.cut or (QUICK_CUT_S if quick else CUT_S)


def _devices(file: Path | None) -> list[Run]:
    if file is None:
        return []
    found = runs.load(file)
    if not found:
        raise LabError(f"--devices {file}: no runs of lab/vfio measure")
    return found


def run(words: Sequence[str] | None = None) -> int:
    """The command line; raises LabError."""
    given = _parser().parse_args(words)
    _defaults(given)
    # What QEMU refuses is in the results; simulated ones would fill the
    # screen.
    logging.getLogger("nova_livemig_gpu").setLevel(logging.ERROR)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    results = Results(given.out / "results.jsonl")
    devices = _devices(given.devices)
    wanted = cells(
        given.loads, given.links, given.policies, given.budgets, given.repeats
    )
    left = [
        cell
        for cell in wanted
        if not results.done(cell.key)
        and not settled(cell, results.all, given.long)
    ]
    estimate = Estimate(results.all, given.cut)
    seconds = estimate.all(left, given.long)
    console.print(
        f"{len(wanted)} migrations, {len(left)} to do, about "
        f"{seconds / 60:.0f} minutes"
    )
    if given.plan:
        return 0
    if left and not given.report:
        _run(given, left, results, estimate, console)
    report.write(results.all, given.out, given.cut, console, devices)
    return 0


def _run(
    given: argparse.Namespace,
    left: Sequence[Cell],
    results: Results,
    estimate: Estimate,
    console: Console,
) -> None:
    network = Network(state=paths.state_dir())
    network.up()
    hosts = [Libvirtd(network[name]) for name in ("compute1", "compute2")]
    for each in hosts:
        each.start()
    for each in hosts:
        each.wait_ready()
    runner = Runner(network, hosts, results, given.cut)
    try:
        with journey.Events():
            runner.warm_up(lambda text: console.print(text))
            _cells(given, left, runner, estimate, console)
    finally:
        runner.close()
        for each in hosts:
            each.stop()
        network.down()


def _cells(
    given: argparse.Namespace,
    left: Sequence[Cell],
    runner: Runner,
    estimate: Estimate,
    console: Console,
) -> None:
    until_s = time.monotonic() + (given.minutes or 1e6) * 60
    bar = Progress(
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[eta]}"),
        TextColumn("{task.fields[cell]}: {task.fields[doing]}"),
        console=console,
    )
    with bar:
        task = bar.add_task("", total=1, count="", eta="", cell="", doing="")
        done_s = 0.0
        for number, cell in enumerate(left):
            if time.monotonic() > until_s:
                return
            if settled(cell, runner.results.all, given.long):
                continue
            rest_s = estimate.all(left[number:], given.long)
            bar.update(
                task,
                total=done_s + rest_s,
                completed=done_s,
                count=f"{number}/{len(left)}",
                eta=f"{rest_s / 60:.0f} min left",
                cell=cell.key,
            )
            try:
                row = runner.run(cell, lambda x: bar.update(task, doing=x))
            except LabError as exc:
                # The cell stays open: the next run tries it again.
                bar.console.print(f"[red]{cell.key}: {exc}", soft_wrap=True)
                continue
            done_s += row["whole_s"]
            estimate.learn(row)
            bar.console.print(report.line(row), soft_wrap=True)


def main() -> int:
    """An error is one message and exit code 1."""
    try:
        return run()
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted; the same command goes on", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
