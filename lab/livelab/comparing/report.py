# SPDX-License-Identifier: Apache-2.0
"""Write and print what a comparison has shown."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from livelab.comparing import medians, page, plot, table
from livelab.comparing.figures import Figures
from livelab.comparing.rows import Row


def show(console: Console, runs: Sequence[Figures]) -> None:
    """Print what was decided, and both tables."""
    for run in runs:
        for line in table.decision_lines(run):
            console.print(f"  {line}", markup=False, soft_wrap=True)
    for headings, lines in _tables(runs):
        console.print()
        console.print(table.build(headings, lines))
    console.print()


def write(
    out: Path,
    title: str,
    rows: Sequence[Row],
    runs: Sequence[Figures],
    facts: Mapping[str, Any],
) -> list[Path]:
    """JSON, PNG and HTML; their paths."""
    files = [out / f"compare.{end}" for end in ("json", "png", "html")]
    files[0].write_text(json.dumps(_everything(rows, runs, facts)) + "\n")
    svg = out / "compare.svg"
    plot.save(plot.draw(rows, runs, title), files[1], svg)
    taken = [line for run in runs for line in table.decision_lines(run)]
    files[2].write_text(
        page.html(title, svg.read_text(), _tables(runs), taken)
    )
    svg.unlink()
    return files


def _tables(
    runs: Sequence[Figures],
) -> list[tuple[tuple[str, ...], list[table.Cells]]]:
    summed = [table.median_cells(row) for row in medians.compute(runs)]
    return [
        (table.RUN_HEADINGS, [table.run_cells(run) for run in runs]),
        (table.MEDIAN_HEADINGS, summed),
    ]


def _everything(
    rows: Sequence[Row], runs: Sequence[Figures], facts: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        **facts,
        "rows": [asdict(row) for row in rows],
        "medians": [row.as_dict() for row in medians.compute(runs)],
        "runs": [run.as_dict() for run in runs],
    }
