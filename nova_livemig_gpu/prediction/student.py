"""Student's t, and quantiles of a mixture of some.

For whole degrees of freedom the distribution is a finite sum (Abramowitz &
Stegun 26.7.3, 26.7.4); from 200 on it is taken for normal. Quantiles are
found by bisection, to 1e-9 of the spread.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

_NORMAL_FROM = 200
_NORMAL = NormalDist()
_STEPS = 36


@dataclass(frozen=True)
class Part:
    """``share`` of a mixture: a t around ``mean``, ``scale`` wide."""

    share: float
    mean: float
    scale: float
    freedom: int


def cdf(t: float, freedom: int) -> float:
    """P(T <= t).

    >>> round(cdf(2.015, 5), 4), round(cdf(-1.8125, 10), 4)
    (0.95, 0.05)
    """
    if freedom >= _NORMAL_FROM:
        return _NORMAL.cdf(t)
    angle = math.atan2(t, math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    term = total = 1.0
    first = 1
    if freedom % 2:
        term = total = cosine if freedom > 1 else 0.0
        first = 2
    for k in range(first + 1, freedom - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    above = 0.5 * sine * total
    if freedom % 2:
        above = (angle + sine * total) / math.pi
    return min(max(0.5 + above, 0.0), 1.0)


def mixture_cdf(parts: Sequence[Part], value: float) -> float:
    """P(X <= value) of a mixture."""
    return sum(
        part.share * cdf((value - part.mean) / part.scale, part.freedom)
        for part in parts
    )


def quantile(parts: Sequence[Part], share: float) -> float:
    """What a mixture falls below in ``share`` of all cases, 0 < share < 1."""
    low = high = parts[0].mean
    width = max(part.scale for part in parts)
    low = min(part.mean for part in parts) - width
    high = max(part.mean for part in parts) + width
    while mixture_cdf(parts, low) > share:
        low, width = low - width, width * 2
    while mixture_cdf(parts, high) < share:
        high, width = high + width, width * 2
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if mixture_cdf(parts, middle) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2
