# SPDX-License-Identifier: Apache-2.0
"""Table, plot and page of what was predicted and what came of it."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from livelab.predicting import figures, page, plot, table
from livelab.predicting.experience import MODELS
from livelab.predicting.figures import Result


def line(result: Result) -> str:
    """One result in a line."""
    did, ours = result["did"], result["predicted"]["ours"]
    if did["completed"]:
        real = f"{did['total_ms'] / 1e3:.1f} s, {did['downtime_ms']} ms"
    else:
        real = f"no end in {did['elapsed_s']:.0f} s ({did['passes']} passes)"
    said = "no end"
    if ours["converges"]:
        said = f"{ours['total_s']:.1f} s, {ours['downtime_ms']:.0f} ms"
    return f"{result['key']:24} predicted {said}; was {real}"


def write(results: Sequence[Result], out: Path, console: Console) -> None:
    """Print the tables; write plot and page beside the results."""
    runs = figures.counted(results)
    if not runs:
        console.print("There is no result yet.")
        return
    title = f"{len(runs)} migrations, predicted before they began"
    console.print(table.rich(title, table.models(runs)))
    console.print(
        table.rich(
            "ours, by load, link and budget", table.groups(runs, MODELS[0])
        )
    )
    for mistake in table.mistakes(runs):
        console.print("wrong:", mistake)
    png = out / "predicted.png"
    plot.draw(runs, title).savefig(png, dpi=150)
    page.write(results, png, title, out / "predicted.html")
    console.print(f"{png}, {out / 'predicted.html'}")
