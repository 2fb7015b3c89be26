# SPDX-License-Identifier: Apache-2.0
"""Medians, and what they are measured by.

With B the link's rate, D the device state that has to be sent in the stop
(what the devices themselves counted: the least of all runs of the device)
and F the memory that is written in a tick of the guest's clock,

    minimum = (F + D) / B        allowed = 1.3 * minimum + floor

where floor is the median pause of a device with next to nothing in it,
migrated between the others. Example: 16 MiB without PRE_COPY, 160 Mbit/s, a
floor of 200 ms: minimum 842 ms, allowed 1294 ms.

A median beyond that is marked as missed, or, where as many pauses of the empty
device would have such a median once in twenty times or more (``chance``), as
not told apart from the stack's own pause.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from livelab.vfio.measure import cells, chance
from livelab.vfio.measure.cells import Cell
from livelab.vfio.measure.runs import Run, of
from livelab.vfio.sector import TICKS_PER_S

SLACK = 1.3
HEADINGS = (
    "framebuffer, written, device",
    *cells.POLICIES,
    "minimum",
    "floor",
    "allowed",
    "ours / guide",
    "contents",
)


@dataclass(frozen=True)
class Line:
    """One device. None: nothing was measured, or nothing arrived."""

    cell: Cell
    downtime_ms: dict[str, float | None]
    arrived: dict[str, str]
    minimum_ms: float | None
    floor_ms: float | None
    verified: bool
    chance: float

    @property
    def allowed_ms(self) -> float | None:
        if self.minimum_ms is None or self.floor_ms is None:
            return None
        return SLACK * self.minimum_ms + self.floor_ms

    @property
    def kept(self) -> bool | None:
        """Whether ours is within what is allowed."""
        ours = self.downtime_ms[cells.OURS]
        if ours is None or self.allowed_ms is None:
            return None
        return ours <= self.allowed_ms

    @property
    def ratio(self) -> float | None:
        """Ours by the guide's."""
        ours, guide = (
            self.downtime_ms[name] for name in (cells.OURS, cells.GUIDE)
        )
        return ours / guide if ours is not None and guide else None


def line(cell: Cell, runs: Sequence[Run]) -> Line:
    """What is known of one device."""
    mine = [run for run in runs if run.cell == cell.name]
    by_policy = {name: of(mine, cell.name, name) for name in cells.POLICIES}
    minimum = _minimum_ms([run for run in mine if not run.empty])
    return Line(
        cell,
        {name: downtime(some) for name, some in by_policy.items()},
        {name: _arrived(some) for name, some in by_policy.items()},
        minimum,
        floor_ms(runs),
        all(run.verified for run in mine if run.ended == "completed"),
        _chance(by_policy[cells.OURS], runs, minimum),
    )


def lines(runs: Sequence[Run]) -> list[Line]:
    """Every device that was measured."""
    seen = {run.cell for run in runs if not run.empty}
    return [line(cell, runs) for cell in cells.CELLS if cell.name in seen]


def floor_ms(runs: Sequence[Run]) -> float | None:
    """The pause of the empty device."""
    return downtime([run for run in runs if run.empty])


def empty_ms(runs: Sequence[Run]) -> list[int]:
    """All pauses of the empty device."""
    return _pauses([run for run in runs if run.empty])


def downtime(runs: Sequence[Run]) -> float | None:
    """The median of those that arrived."""
    found = _pauses(runs)
    return median(found) if found else None


def _pauses(runs: Sequence[Run]) -> list[int]:
    return [
        run.downtime_ms
        for run in runs
        if run.ended == "completed" and run.downtime_ms is not None
    ]


def _chance(
    ours: Sequence[Run], runs: Sequence[Run], minimum_ms: float | None
) -> float:
    """That the empty device's own pauses had such a median."""
    middle = downtime(ours)
    if middle is None or minimum_ms is None:
        return 0.0
    beyond = middle - SLACK * minimum_ms
    return chance.of_median(empty_ms(runs), beyond, len(_pauses(ours)))


def _arrived(runs: Sequence[Run]) -> str:
    return f"{sum(run.ended == 'completed' for run in runs)}/{len(runs)}"


def _minimum_ms(runs: Sequence[Run]) -> float | None:
    sent = [
        run.stop_bytes
        for run in runs
        if run.ended == "completed" and run.stop_bytes is not None
    ]
    if not sent:
        return None
    memory = cells.WRITTEN_MIB_S * 2**20 / TICKS_PER_S
    link = cells.link_bps(runs[0].rate_mbit)
    return (memory + min(sent)) / link * 1e3


def rows(runs: Sequence[Run]) -> list[list[str]]:
    """The table's cells, a row for each device that was measured."""
    return [_row(each) for each in lines(runs)]


def _row(one: Line) -> list[str]:
    ways = [
        f"{_ms(one.downtime_ms[name])} ({one.arrived[name]})"
        for name in cells.POLICIES
    ]
    allowed = _ms(one.allowed_ms)
    if one.kept is not None:
        allowed += f" {_mark(one)}"
    return [
        one.cell.name,
        *ways,
        _ms(one.minimum_ms),
        _ms(one.floor_ms),
        allowed,
        "-" if one.ratio is None else f"{one.ratio:.2f}",
        "intact" if one.verified else "WRONG",
    ]


def _mark(one: Line) -> str:
    if one.kept:
        return "✓"
    return "≈" if one.chance >= chance.UNLIKELY else "✗"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
