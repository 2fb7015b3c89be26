# SPDX-License-Identifier: Apache-2.0
"""results.csv, medians.md and bench.html from the rows of runs."""

import csv
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from livelab.benching import calibrate, figures, goals, page, plot, table
from livelab.benching.figures import Row
from livelab.vfio.measure import files as device_files
from livelab.vfio.measure import plot as device_plot
from livelab.vfio.measure import report as device_report
from livelab.vfio.measure.runs import Run


def line(row: Row) -> str:
    """One migration in a line."""
    did, total = row["did"], figures.total_s(row)
    if total is None:
        what = f"{row['outcome']} after {did['elapsed_s']:.0f} s"
    else:
        down = figures.downtime_ms(row)
        what = f"{total:.1f} s, {'?' if down is None else f'{down:.0f}'} ms"
    memory = "" if row["memory_ok"] else ", MEMORY IS WRONG"
    last = row["codes"][-1] if row["codes"] else ""
    return f"{row['key']:48} {what}, {did['passes']} passes {last}{memory}"


def write(
    rows: Sequence[Row],
    out: Path,
    cut_s: float,
    console: Console,
    devices: Sequence[Run] = (),
) -> None:
    """Write the files, print the tables.

    :param devices: migrations of guests with a vGPU, by lab/vfio measure
    """
    if not rows:
        console.print("There is no result yet.")
        return
    _csv(rows, out / "results.csv")
    title = f"{len(rows)} live migrations, cut after {cut_s:.0f} s"
    parts: list[page.Part] = []
    markdown = [f"{title}\n"]
    for budget_ms in figures.budgets(rows):
        name = f"Budget {budget_ms} ms"
        columns = table.overall(rows, budget_ms)
        duels = table.duels(figures.duels(rows, budget_ms))
        asked = goals.goals(rows, budget_ms)
        console.print(_rich(name, table.COLUMNS, columns))
        console.print(_rich(name, table.DUELS, duels))
        console.print("\n".join(asked), highlight=False)
        markdown += [
            f"### {name}\n",
            table.markdown(table.COLUMNS, columns),
            table.markdown(table.DUELS, duels),
            "".join(f"* {goal}\n" for goal in asked),
        ]
        parts += _parts(name, rows, budget_ms, columns, duels, asked)
    if devices:
        parts.append(_devices(devices))
        markdown.append(device_files.markdown(devices))
    parts.append(_simulated(rows, cut_s, console))
    (out / "medians.md").write_text("\n".join(markdown))
    page.write(title, parts, out / "bench.html")
    for file in ("results.csv", "medians.md", "bench.html"):
        console.print(str(out / file), soft_wrap=True)


def _simulated(
    rows: Sequence[Row], cut_s: float, console: Console
) -> page.Part:
    found = calibrate.compare(rows, cut_s)
    error = calibrate.median_error(found)
    fitted = calibrate.fit_links(rows, cut_s)
    agree = sum(each.agrees for each in found)
    said = [
        f"median error of the total {error * 100:.0f}%"
        if error is not None
        else "no total to compare",
        f"completed or not, as really, in {agree} of {len(found)} cells",
        *(calibrate.words(fitted[link]) for link in sorted(fitted)),
    ]
    console.print("simulator:", "; ".join(said), highlight=False)
    return (
        "The simulator against these runs",
        "Constants from one half of the cells, judged on the other.",
        page.listed(said)
        + page.table(table.SIMULATED, table.simulations(found)),
    )


def _devices(runs: Sequence[Run]) -> page.Part:
    return (
        "Guests with a vGPU",
        f"{device_files.title(runs)}; those that arrived of all in brackets. "
        "Two virtual machines as VFIO hosts, by lab/vfio measure.",
        page.table(device_report.HEADINGS, device_report.rows(runs))
        + page.svg(device_plot.draw(runs, "")),
    )


def _parts(
    name: str,
    rows: Sequence[Row],
    budget_ms: int,
    columns: table.Lines,
    duels: table.Lines,
    asked: Sequence[str],
) -> list[page.Part]:
    return [
        (
            f"{name}: all loads and links",
            "Medians of the runs that completed.",
            page.table(table.COLUMNS, columns) + page.listed(asked),
        ),
        (
            f"{name}: time against downtime",
            "By load and link; down and left is better.",
            page.svg(plot.panels(rows, budget_ms)),
        ),
        (
            f"{name}: success by load",
            "Runs in budget of all runs; in brackets those that completed.",
            page.svg(plot.success(rows, budget_ms)),
        ),
        (
            f"{name}: against the best baseline",
            "Of those that kept the budget in every run of the cell.",
            page.table(table.DUELS, duels),
        ),
    ]


def _csv(rows: Sequence[Row], to: Path) -> None:
    with to.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table.RUNS)
        writer.writerows(table.runs(rows))


def _rich(title: str, head: Sequence[str], lines: table.Lines) -> Table:
    found = Table(title=title, title_justify="left", box=None)
    for number, name in enumerate(head):
        found.add_column(name, justify="right" if number else "left")
    for each in lines:
        found.add_row(*each)
    return found
