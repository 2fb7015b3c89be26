"""Whether a server's dirty rate is known well enough not to be measured.

It is where, of the points that past migrations of the same server showed,
three or more are no older than the option allows and have periods that
differ by 10% or more from each other: a line and its bend. An age of 0
allows none.

Example: passes of 9.8 s, 10 s, 1.1 s and 0.2 s, four minutes ago, and 10
minutes allowed: three periods, nothing is measured.
"""

from collections.abc import Iterable

from nova_livemig_gpu.prediction.merge import Observed

LEAST_POINTS = 3
_APART = 1.1


def enough(past: Iterable[Observed], max_age_s: float) -> bool:
    """Return whether the points will do.

    :param max_age_s: 0: measure always
    """
    if not max_age_s > 0:
        return False
    count, last_s = 0, 0.0
    for period_s in sorted(p.period_s for p in past if p.age_s <= max_age_s):
        if period_s >= _APART * last_s and period_s > 0:
            count, last_s = count + 1, period_s
    return count >= LEAST_POINTS
