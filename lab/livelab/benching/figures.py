# SPDX-License-Identifier: Apache-2.0
"""Medians, ratios and verdicts from the rows of runs."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from livelab.benching import contestants
from livelab.benching.loads import ALL as LOADS
from livelab.benching.loads import FILLED_MIB, KERNEL_MIB, payload_bps

Row = Mapping[str, Any]
#: What a baseline is judged by, for it has no budget of its own.
OURS = {each.name for each in contestants.ALL if each.ours}
SHARES = {load.name: load.share for load in LOADS}
_MIB = 2**20


def total_s(row: Row) -> float | None:
    """As QEMU counts it; None: it did not complete."""
    if row["outcome"] != "completed":
        return None
    ms = row["did"]["total_ms"]
    return ms / 1e3 if ms else row["did"]["elapsed_s"]


def downtime_ms(row: Row) -> float | None:
    """The longer of QEMU's figure and the longest gap between the guest's
    marks, less what such a gap was before; None: it did not complete."""
    if row["outcome"] != "completed":
        return None
    seen = [row["did"]["downtime_ms"]]
    if row["gap_ms"] is not None:
        # Two marks are a tick apart when nothing happens at all.
        seen.append(row["gap_ms"] - (row["calm_gap_ms"] or 0.0))
    known = [value for value in seen if value is not None]
    return max(known, default=None)


def slowdown(row: Row) -> float | None:
    """Work each second meanwhile, as a share of what it was before."""
    if not row["calm_work_mib_s"] or row["work_mib_s"] is None:
        return None
    return row["work_mib_s"] / row["calm_work_mib_s"]


def kept(row: Row, budget_ms: float) -> bool:
    """It completed, within the budget."""
    down = downtime_ms(row)
    return down is not None and down <= budget_ms


def limit_s(row: Row) -> float:
    """The physical limit: all that is not zero, once, over the link."""
    memory = (FILLED_MIB + KERNEL_MIB) * _MIB
    return memory / payload_bps(row["link_mbps"])


@dataclass(frozen=True)
class Column:
    """A contestant over several runs.

    :ivar total_s: median of those that completed; the others as well
    """

    name: str
    budget_ms: int | None
    runs: int
    completed: int
    in_budget: int
    total_s: float | None
    downtime_ms: float | None
    worst_ms: float | None
    sent_mb: float | None
    passes: float | None
    work: float | None
    memory_ok: int


def column(rows: Sequence[Row], budget_ms: float) -> Column:
    """Of the runs of one contestant, in one cell or in many."""
    downs = _values(rows, downtime_ms)
    return Column(
        name=rows[0]["contestant"],
        budget_ms=rows[0]["budget_ms"],
        runs=len(rows),
        completed=sum(row["outcome"] == "completed" for row in rows),
        in_budget=sum(kept(row, budget_ms) for row in rows),
        total_s=_median(_values(rows, total_s)),
        downtime_ms=_median(downs),
        worst_ms=max(downs, default=None),
        sent_mb=_median(
            _values(
                rows,
                lambda row: (
                    row["did"]["sent_bytes"] and row["did"]["sent_bytes"] / 1e6
                ),
            )
        ),
        passes=_median(_values(rows, lambda row: row["did"]["passes"])),
        work=_median(_values(rows, slowdown)),
        memory_ok=sum(bool(row["memory_ok"]) for row in rows),
    )


def columns(rows: Sequence[Row], budget_ms: float) -> list[Column]:
    """One for each contestant that was run for this budget or for none."""
    names = {each.name: n for n, each in enumerate(contestants.ALL)}
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row["budget_ms"] in (None, budget_ms):
            found.setdefault(row["contestant"], []).append(row)
    ordered = sorted(found, key=lambda name: names.get(name, len(names)))
    return [column(found[name], budget_ms) for name in ordered]


def pairs(rows: Iterable[Row]) -> dict[tuple[str, int], list[Row]]:
    """Rows by load and link, in the order of the loads."""
    order = {name: n for n, name in enumerate(SHARES)}
    found: dict[tuple[str, int], list[Row]] = {}
    for row in sorted(
        rows, key=lambda r: (order.get(r["load"], 99), r["link_mbps"])
    ):
        found.setdefault((row["load"], row["link_mbps"]), []).append(row)
    return found


@dataclass(frozen=True)
class Duel:
    """One of ours in one cell against the best baseline there that always
    completed and kept the budget.

    :ivar ratio: of median totals; None: one of the two has none
    """

    load: str
    link_mbps: int
    name: str
    ours: Column
    best: Column | None

    @property
    def ratio(self) -> float | None:
        if self.best is None or not self.ours.total_s:
            return None
        assert self.best.total_s is not None
        return self.ours.total_s / self.best.total_s


def duels(rows: Sequence[Row], budget_ms: float) -> list[Duel]:
    """All cells of all of ours."""
    found = []
    for (load, link), cell in pairs(rows).items():
        each = columns(cell, budget_ms)
        fit = [
            one
            for one in each
            if one.name not in OURS and one.in_budget == one.runs
        ]
        best = min(fit, key=lambda one: one.total_s or 0.0, default=None)
        found += [
            Duel(load, link, one.name, one, best)
            for one in each
            if one.name in OURS
        ]
    return found


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those that no other beats in both; by rising first value."""
    best: list[tuple[float, float]] = []
    for point in sorted(points):
        if not best or point[1] < best[-1][1]:
            best.append(point)
    return best


def budgets(rows: Iterable[Row]) -> list[int]:
    """Those that ours were run for."""
    return sorted(
        {row["budget_ms"] for row in rows if row["budget_ms"] is not None}
    ) or [300]


def _values(
    rows: Iterable[Row], take: Callable[[Row], float | None]
) -> list[float]:
    return [value for value in map(take, rows) if value is not None]


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None
