"""Many passes at once, where each differs little from the one before.

On a straight piece of the curve the durations t[k] of the passes follow

    t[k+1] = p + q * t[k]

so that with d = t[1] - t[0]

    t[m]  = t[0] + d * g(m)                 g(m) = (q**m - 1) / (q - 1)
    t[1] + ... + t[m] = m * t[0] + d * s(m)
    s(m)  = (q * g(m) - m) / (q - 1)

(g(m) = m and s(m) = m * (m + 1) / 2 for q = 1). A guest that writes nearly as
fast as the link sends needs a hundred thousand passes; they need not be
walked one by one.
"""

import math
from dataclasses import dataclass

_NEAR_ONE = 1e-4
_MOST = 2**40


@dataclass(frozen=True)
class Leap:
    """``passes`` further passes: the last one's duration, and their sum."""

    passes: int
    duration_s: float
    sum_s: float


def leap(
    now_s: float, next_s: float, factor: float, low_s: float, most_s: float
) -> Leap | None:
    """Go as many passes ahead as are on the straight piece.

    :param now_s: t[0], a pass that is done
    :param next_s: t[1], less than that
    :param factor: q
    :param low_s: all durations gone over are above it
    :param most_s: and their sum is at most that
    :returns: None: not even one
    """

    def fits(m: int) -> bool:
        at_s, sum_s = _ahead(now_s, next_s, factor, m)
        return at_s > low_s and sum_s <= most_s

    known, beyond = 0, 1
    while beyond < _MOST and fits(beyond):
        known, beyond = beyond, beyond * 2
    while beyond - known > 1:
        middle = (known + beyond) // 2
        if fits(middle):
            known = middle
        else:
            beyond = middle
    if not known:
        return None
    return Leap(known, *_ahead(now_s, next_s, factor, known))


def _ahead(
    now_s: float, next_s: float, factor: float, m: int
) -> tuple[float, float]:
    step = next_s - now_s
    off = factor - 1.0
    if abs(off) * m < _NEAR_ONE:
        g = m + off * m * (m - 1) / 2
        s = m * (m + 1) / 2 + off * (m - 1) * m * (m + 1) / 6
    else:
        power = m * math.log(factor) if factor > 0 else -math.inf
        g = (math.expm1(power) if power < 700 else math.inf) / off
        s = (factor * g - m) / off
    return now_s + step * g, m * now_s + step * s


def limit_s(now_s: float, next_s: float, factor: float) -> float:
    """What the durations tend to on this piece; -inf: below everything."""
    if factor >= 1.0:
        return -math.inf
    return now_s + (next_s - now_s) / (1.0 - factor)
