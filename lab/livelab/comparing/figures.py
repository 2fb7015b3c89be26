# SPDX-License-Identifier: Apache-2.0
"""The figures of one run, from what the watcher and the plugin wrote.

What is not known is None; a run that was cut has no total.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from livelab.comparing.rows import Row
from livelab.summary import MIGRATION_OUT, Point, summarize

COMPLETED, CUT = "completed", "cut"
# The figures of a migration that did not end
NOTHING = summarize([])


@dataclass(frozen=True)
class Decision:
    """One decision of the plugin; t_s on the axis of the run's series."""

    t_s: float
    action: str
    value: int | None
    code: str
    reason: str


@dataclass(frozen=True)
class Figures:
    """One run.

    outcome is "completed", "cut" or what Nova's migration record says.
    total_ms and downtime_ms are QEMU's, from the source's last report.
    wall_s is what the API's user waits: from the request's return until
    the migration's record is final and the server has no task. pause_ms is
    seen from outside: from the event that the source's guest is stopped to
    the event that the destination's runs. series: seconds since the job
    was first seen and bytes that remain.
    """

    row: str
    number: int
    outcome: str
    wall_s: float | None
    total_ms: int | None
    ran_s: float | None
    downtime_ms: int | None
    pause_ms: int | None
    budget_ms: int
    bytes: int | None
    passes: int | None
    postcopy: bool | None
    auto_converge_max: int | None
    decisions: tuple[Decision, ...]
    memory_ok: bool | None
    series: tuple[tuple[float, int], ...]

    @property
    def cut(self) -> bool:
        return self.outcome == CUT

    @property
    def right(self) -> bool:
        """It ended as it may, and no byte was wrong."""
        return self.outcome in (COMPLETED, CUT) and self.memory_ok is True

    @property
    def worst_downtime_ms(self) -> int | None:
        """The longer of the two downtimes."""
        known = [x for x in (self.downtime_ms, self.pause_ms) if x is not None]
        return max(known, default=None)

    @property
    def budget_kept(self) -> bool | None:
        """By both downtimes; None when there was no switchover."""
        worst = self.worst_downtime_ms
        return None if worst is None else worst <= self.budget_ms

    def as_dict(self) -> dict[str, Any]:
        """JSON values, the computed ones too."""
        return {**asdict(self), "budget_kept": self.budget_kept}


def compute(
    row: Row,
    number: int,
    outcome: str,
    wall_s: float | None,
    lines: Sequence[str],
    record: Mapping[str, Any] | None,
    memory_ok: bool | None,
) -> Figures:
    """All figures of a run; record is the plugin's, lines the watcher's."""
    run = summarize(lines)
    done = outcome == COMPLETED
    end = run if done else NOTHING
    start = run.series[0].t if run.series else 0.0
    return Figures(
        row=row.name,
        number=number,
        outcome=outcome,
        wall_s=wall_s if done else None,
        total_ms=end.total_ms,
        ran_s=run.series[-1].t - start if run.series else None,
        downtime_ms=end.downtime_ms,
        pause_ms=end.pause_ms,
        budget_ms=row.budget_ms,
        bytes=end.bytes if done else _sent_so_far(lines),
        passes=run.passes,
        postcopy=end.postcopy,
        auto_converge_max=run.auto_converge_max,
        decisions=_decisions(record, start),
        memory_ok=memory_ok,
        series=_series(run.series, start),
    )


def _series(
    points: Iterable[Point], start: float
) -> tuple[tuple[float, int], ...]:
    """Before the first pass the job says that nothing remains."""
    return tuple(
        (round(point.t - start, 3), point.remaining_bytes)
        for point in points
        if point.iteration and point.remaining_bytes is not None
    )


def _sent_so_far(lines: Iterable[str]) -> int | None:
    """The most the source's job said; while it is aborted it says 0."""
    found = [json.loads(line) for line in lines if line.strip()]
    return max(
        (
            record["data_processed"]
            for record in found
            if record["kind"] == "sample"
            and record.get("operation") == MIGRATION_OUT
            and "data_processed" in record
        ),
        default=None,
    )


def _decisions(
    record: Mapping[str, Any] | None, start: float
) -> tuple[Decision, ...]:
    if record is None:
        return ()
    # The record's seconds count from the loop's begin, which is when the
    # record was made but for some milliseconds.
    made = datetime.fromisoformat(record["started_at"]).timestamp()
    return tuple(
        Decision(
            t_s=round(taken["t_s"] + made - start, 3),
            action=taken["action"],
            value=taken["value"],
            code=taken["code"],
            reason=taken["reason"],
        )
        for taken in record["decisions"]
    )
