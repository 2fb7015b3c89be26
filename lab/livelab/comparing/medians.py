# SPDX-License-Identifier: Apache-2.0
"""Several runs of a row in one line."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from livelab.comparing.figures import Figures

Number = float | int


@dataclass(frozen=True)
class Medians:
    """A row's runs summed up.

    Medians are over the runs that have the figure; total_s counts a run
    that was cut with the time it had run, and then at_least is true.
    ratio is total_s over the first row's. The worst downtime is the
    longest of all runs, by either way to measure it.
    """

    row: str
    runs: int
    cut: int
    at_least: bool
    total_s: float | None
    ratio: float | None
    wall_s: float | None
    downtime_ms: float | None
    pause_ms: float | None
    worst_downtime_ms: int | None
    bytes: float | None
    passes: float | None
    budget_kept: int
    memory_ok: int

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def compute(runs: Sequence[Figures]) -> list[Medians]:
    """One for each row, in the order of their first runs."""
    names = list(dict.fromkeys(run.row for run in runs))
    found: list[Medians] = []
    for name in names:
        first = found[0].total_s if found else None
        found.append(_row([r for r in runs if r.row == name], first))
    return found


def _row(runs: Sequence[Figures], first_s: float | None) -> Medians:
    total_s = _median(runs, _total_s)
    if first_s is None:
        first_s = total_s
    cut = sum(run.cut for run in runs)
    return Medians(
        row=runs[0].row,
        runs=len(runs),
        cut=cut,
        at_least=cut > 0,
        total_s=total_s,
        ratio=total_s / first_s if total_s and first_s else None,
        wall_s=_median(runs, lambda run: run.wall_s),
        downtime_ms=_median(runs, lambda run: run.downtime_ms),
        pause_ms=_median(runs, lambda run: run.pause_ms),
        worst_downtime_ms=_worst(runs),
        bytes=_median(runs, lambda run: run.bytes),
        passes=_median(runs, lambda run: run.passes),
        budget_kept=sum(run.budget_kept is True for run in runs),
        memory_ok=sum(run.memory_ok is True for run in runs),
    )


def _total_s(run: Figures) -> float | None:
    if run.cut:
        return run.ran_s
    return None if run.total_ms is None else run.total_ms / 1000


def _worst(runs: Iterable[Figures]) -> int | None:
    values = [run.worst_downtime_ms for run in runs]
    return max((v for v in values if v is not None), default=None)


def _median(
    runs: Iterable[Figures], take: Callable[[Figures], Number | None]
) -> float | None:
    values = [v for v in map(take, runs) if v is not None]
    return median(values) if values else None


def middle(runs: Sequence[Figures]) -> Figures:
    """The run to show for a row: the one with the median total."""
    ordered = sorted(runs, key=lambda run: _total_s(run) or 0.0)
    return ordered[(len(ordered) - 1) // 2]
