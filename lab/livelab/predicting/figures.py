# SPDX-License-Identifier: Apache-2.0
"""How far predictions were off. Medians, as one bad run says little.

An error is predicted less measured. Times are compared where an end was
both predicted and reached; where only one of the two, the verdict is wrong.
Migrations with a negative repeat are the history, and do not count.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Result = Mapping[str, Any]
#: A downtime is right within this share or these milliseconds.
SHARE, MS = 0.20, 50.0


@dataclass(frozen=True)
class Figures:
    """Of one model on some migrations. None: there is nothing to compare.

    :ivar total: median of |error| / measured
    :ivar total_p90: nine of ten are below
    :ivar downtime: median of |error| / measured
    :ivar downtime_ms: median of |error|
    :ivar downtime_right: share within 20% or 50 ms
    :ivar wrong: how many verdicts
    """

    runs: int
    compared: int
    total: float | None
    total_p90: float | None
    downtime: float | None
    downtime_ms: float | None
    downtime_right: float | None
    wrong: int


def counted(results: Iterable[Result]) -> list[Result]:
    """Those that are no history."""
    return [result for result in results if result["repeat"] >= 0]


def of(results: Sequence[Result], model: str) -> Figures:
    """Sum up one model."""
    both = [r for r in results if ended(r) and said(r, model)["converges"]]
    totals = [abs(total_error(r, model)) for r in both]
    shares, millis = [], []
    for result in both:
        off = abs(downtime_error_ms(result, model))
        millis.append(off)
        shares.append(off / max(result["did"]["downtime_ms"], 1))
    right = [
        share <= SHARE or ms <= MS
        for share, ms in zip(shares, millis, strict=True)
    ]
    return Figures(
        runs=len(results),
        compared=len(both),
        total=_median(totals),
        total_p90=_p90(totals),
        downtime=_median(shares),
        downtime_ms=_median(millis),
        downtime_right=sum(right) / len(right) if right else None,
        wrong=sum(wrong(r, model) for r in results),
    )


def said(result: Result, model: str) -> Mapping[str, Any]:
    """What a model predicted."""
    found: Mapping[str, Any] = result["predicted"][model]
    return found


def ended(result: Result) -> bool:
    """Whether the migration came to its end."""
    return bool(result["did"]["completed"])


def wrong(result: Result, model: str) -> bool:
    """Whether the verdict was."""
    return said(result, model)["converges"] is not ended(result)


def total_error(result: Result, model: str) -> float:
    """Share of what was measured; above 0: predicted too long."""
    real = result["did"]["total_ms"] / 1e3
    return float(said(result, model)["total_s"] / real - 1)


def downtime_error_ms(result: Result, model: str) -> float:
    """Above 0: predicted too long."""
    real = result["did"]["downtime_ms"]
    return float(said(result, model)["downtime_ms"] - real)


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _p90(values: Sequence[float]) -> float | None:
    if not values:
        return None
    return sorted(values)[min(int(0.9 * len(values)), len(values) - 1)]
