"""f(t), the dirty curve, between and beyond its measured points.

Between two points: linear. Below the first: the line through the first two,
never under 0; through the origin where there is only one. Above the last:
the line through the last two, up to the ceiling (all non-zero memory).
"""

import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from nova_livemig_gpu.exception import InvalidCurve
from nova_livemig_gpu.model import CurvePoint, DirtyCurve


def make(points: Iterable[CurvePoint], ceiling_bytes: float) -> DirtyCurve:
    """Build a curve from points in any order.

    Of several points with the same period the largest is kept, and a curve
    never falls: a point below an earlier one is lifted to it, since what
    was dirtied in a time is dirty in any longer one.

    :param ceiling_bytes: all memory that can become dirty, bytes
    :raises InvalidCurve: naming the field
    """
    if not math.isfinite(ceiling_bytes) or ceiling_bytes <= 0:
        raise InvalidCurve(
            field="ceiling_bytes", reason=f"{ceiling_bytes} is not above 0"
        )
    best: dict[float, float] = {}
    for point in points:
        _check(point)
        dirty = min(point.dirty_bytes, ceiling_bytes)
        best[point.period_s] = max(dirty, best.get(point.period_s, 0.0))
    rising: list[CurvePoint] = []
    highest = 0.0
    for period_s in sorted(best):
        highest = max(highest, best[period_s])
        rising.append(CurvePoint(period_s, highest))
    return DirtyCurve(tuple(rising), ceiling_bytes)


def _check(point: CurvePoint) -> None:
    if not math.isfinite(point.period_s) or point.period_s <= 0:
        raise InvalidCurve(
            field="period", reason=f"{point.period_s} s is not above 0"
        )
    if not math.isfinite(point.dirty_bytes) or point.dirty_bytes < 0:
        raise InvalidCurve(
            field="dirty", reason=f"{point.dirty_bytes} bytes is below 0"
        )


def dirty_bytes(curve: DirtyCurve, period_s: float) -> float:
    """f(period_s) in bytes; 0 for an empty curve.

    >>> c = make([CurvePoint(1, 10), CurvePoint(2, 16)], 20.0)
    >>> [dirty_bytes(c, t) for t in (0.5, 1.5, 2.5, 60)]
    [7.0, 13.0, 19.0, 20.0]
    """
    points = curve.points
    if not points or period_s <= 0:
        return 0.0
    if len(points) == 1:
        value = points[0].dirty_bytes * period_s / points[0].period_s
    else:
        low, high = _segment(points, period_s)
        slope = (high.dirty_bytes - low.dirty_bytes) / (
            high.period_s - low.period_s
        )
        value = low.dirty_bytes + slope * (period_s - low.period_s)
    return min(max(value, 0.0), curve.ceiling_bytes)


def _segment(
    points: tuple[CurvePoint, ...], period_s: float
) -> tuple[CurvePoint, CurvePoint]:
    """The two points whose line holds at a period."""
    n = bisect_left(points, period_s, key=_period_s)
    n = min(max(n, 1), len(points) - 1)
    return points[n - 1], points[n]


def _period_s(point: CurvePoint) -> float:
    return point.period_s


@dataclass(frozen=True)
class Line:
    """f(t) = at_bytes + slope_bps * t down to low_s, or until f is 0."""

    at_bytes: float
    slope_bps: float
    low_s: float


def line(curve: DirtyCurve, period_s: float) -> Line | None:
    """The straight piece of f around a period; None: f is clamped there."""
    points = curve.points
    if not points:
        return None
    if len(points) == 1:
        (only,) = points
        slope, at = only.dirty_bytes / only.period_s, 0.0
        low_s = 0.0
    else:
        low, high = _segment(points, period_s)
        slope = (high.dirty_bytes - low.dirty_bytes) / (
            high.period_s - low.period_s
        )
        at = low.dirty_bytes - slope * low.period_s
        low_s = 0.0 if low is points[0] else low.period_s
    if not 0.0 <= at + slope * period_s <= curve.ceiling_bytes:
        return None
    return Line(at, slope, low_s)
