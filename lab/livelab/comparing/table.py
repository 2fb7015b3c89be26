# SPDX-License-Identifier: Apache-2.0
"""The runs and their medians as tables, for the terminal and for HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.table import Table

from livelab.comparing.figures import CUT, Figures
from livelab.comparing.medians import Medians

MB = 1_000_000
UNKNOWN = "-"

# Units are in the headings: the tables have to fit a terminal.
RUN_HEADINGS = (
    "run",
    "total\ns",
    "API\nwait s",
    "downtime\nQEMU ms",
    "downtime\nseen ms",
    "in\nbudget",
    "sent\nMB",
    "passes",
    "post-\ncopy",
    "throttle\n%",
    "memory",
)
MEDIAN_HEADINGS = (
    "median",
    "runs",
    "total\ns",
    "of the\nfirst",
    "API\nwait s",
    "downtime\nQEMU ms",
    "downtime\nseen ms",
    "longest\nms",
    "in\nbudget",
    "sent\nMB",
    "passes",
    "memory\nok",
)


@dataclass(frozen=True)
class Cells:
    """One line of a table; bad marks a run that failed."""

    texts: tuple[str, ...]
    bad: bool = False


def run_cells(run: Figures) -> Cells:
    """One run, below RUN_HEADINGS."""
    texts = (
        f"{run.row} {run.number}",
        _total(run),
        _number(run.wall_s, 1),
        _number(run.downtime_ms),
        _number(run.pause_ms),
        _yes(run.budget_kept),
        _number(run.bytes, scale=MB),
        _number(run.passes),
        _yes(run.postcopy),
        _number(run.auto_converge_max),
        {True: "ok", False: "BAD", None: UNKNOWN}[run.memory_ok],
    )
    return Cells(texts, bad=not run.right)


def median_cells(row: Medians) -> Cells:
    """One row, below MEDIAN_HEADINGS."""
    more = "≥ " if row.at_least else ""
    over = row.runs - row.cut
    texts = (
        row.row,
        f"{row.runs}" + (f", {row.cut} cut" if row.cut else ""),
        more + _number(row.total_s, 1),
        more + _number(row.ratio, 2),
        _number(row.wall_s, 1),
        _number(row.downtime_ms),
        _number(row.pause_ms),
        _number(row.worst_downtime_ms),
        f"{row.budget_kept}/{over}" if over else UNKNOWN,
        _number(row.bytes, scale=MB),
        _number(row.passes),
        f"{row.memory_ok}/{row.runs}",
    )
    return Cells(texts, bad=row.memory_ok < row.runs)


def decision_lines(run: Figures) -> list[str]:
    """What the plugin decided in a run, a line each."""
    return [
        f"{run.row} {run.number}  {taken.t_s:5.1f} s  {taken.action}"
        + (f" {taken.value}" if taken.value is not None else "")
        + f"  {taken.code}: {taken.reason}"
        for taken in run.decisions
    ]


def build(headings: Sequence[str], lines: Sequence[Cells]) -> Table:
    """For the terminal."""
    table = Table(
        box=None, pad_edge=False, padding=(0, 1), header_style="bold"
    )
    for index, heading in enumerate(headings):
        # Names at the left, figures at the right
        side: Literal["left", "right"] = "right" if index else "left"
        table.add_column(heading, justify=side, no_wrap=True)
    for line in lines:
        table.add_row(*line.texts, style="red" if line.bad else None)
    return table


def _total(run: Figures) -> str:
    if run.cut:
        return f"{CUT} at {_number(run.ran_s)}"
    if run.total_ms is None:
        return run.outcome
    return _number(run.total_ms, 1, scale=1000)


def _number(value: float | None, digits: int = 0, *, scale: int = 1) -> str:
    return UNKNOWN if value is None else f"{value / scale:.{digits}f}"


def _yes(value: bool | None) -> str:
    return {True: "yes", False: "no", None: UNKNOWN}[value]
