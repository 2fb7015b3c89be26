# SPDX-License-Identifier: Apache-2.0
"""results.csv, medians.md and pauses.png from the runs."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from statistics import quantiles

from livelab.vfio.measure import cells, foretold, plot, report
from livelab.vfio.measure.runs import Run


def title(runs: Sequence[Run]) -> str:
    """What these runs are."""
    count = sum(not run.empty for run in runs)
    rate_mbit = runs[0].rate_mbit if runs else cells.RATE_MBIT
    return (
        f"{count} live migrations with a test vGPU, link "
        f"{rate_mbit} Mbit/s; medians of the downtime in ms"
    )


def write(runs: Sequence[Run], out: Path) -> None:
    """Write the three files."""
    out.mkdir(parents=True, exist_ok=True)
    _csv(runs, out / "results.csv")
    (out / "medians.md").write_text(markdown(runs))
    plot.draw(runs, title(runs)).savefig(out / "pauses.png", dpi=110)


def _csv(runs: Sequence[Run], file: Path) -> None:
    names = [field.name for field in fields(Run)]
    with file.open("w", newline="") as opened:
        out = csv.writer(opened, lineterminator="\n")
        out.writerow(names)
        for run in runs:
            row = asdict(run)
            row["limits"] = " ".join(
                f"{code}:{limit}" for code, limit in run.limits
            )
            out.writerow([row[name] for name in names])


def markdown(runs: Sequence[Run]) -> str:
    """The table, what else was tried, and what would have been foretold."""
    parts = [title(runs), table(report.HEADINGS, report.rows(runs))]
    parts += _of_floor(report.empty_ms(runs))
    fast = [run for run in runs if run.cell == cells.FAST.name]
    if fast:
        rows = [[r.policy, r.ended, *_figures(r), r.error or ""] for r in fast]
        heads = ("way", "ended", "total ms", "downtime ms", "reason")
        parts += [f"{cells.FAST.name}, more than the link carries:"]
        parts += [table(heads, rows)]
    told = [
        each for each in foretold.replay(runs) if each.seen >= foretold.LEAST
    ]
    if told:
        good = sum(abs(each.error) <= 0.2 for each in told)
        parts.append(
            f"Stun told after {foretold.LEAST} migrations or more: {good} of "
            f"{len(told)} within 20%."
        )
        heads = ("device", "seen before", "told ms", "measured ms", "error")
        parts.append(table(heads, [_told(each) for each in told]))
    return "\n\n".join(parts) + "\n"


def _of_floor(empty: Sequence[int]) -> list[str]:
    if len(empty) < 2:
        return []
    low, middle, high = quantiles(empty, n=4, method="inclusive")
    return [
        f"floor: {len(empty)} migrations of the empty device, {min(empty)} to "
        f"{max(empty)} ms, quartiles {low:.0f}, {middle:.0f} and {high:.0f}. "
        "✓ within 1.3 x minimum + floor; ≈ beyond it, but as many pauses of "
        "the empty device would have such a median once in twenty times or "
        "more; ✗ beyond it."
    ]


def _figures(run: Run) -> list[str]:
    both = run.total_ms, run.downtime_ms
    return ["-" if each is None else str(each) for each in both]


def _told(one: foretold.Foretold) -> list[str]:
    return [
        one.cell,
        str(one.seen),
        f"{one.told_ms:.0f}",
        f"{one.real_ms:.0f}",
        f"{one.error:+.0%}",
    ]


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown."""
    rule = ["---"] * len(headings)
    lines = [headings, rule, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
