"""The dirty curve that a running migration shows.

Each finished pass is a point of f (``prediction.shown``). The newest twelve
count, and of passes with similar periods the newest: a point is dropped when
a newer one lies within 10% of its period. What was known before the start is
merged with them (``prediction.merge``), and ages with the migration.

A throttle that has risen makes a new curve: what passes under a smaller one
showed, and what was known before the start, is of no more use once a pass has
ended under this one.

Example: passes of 2 s left 100 MiB each, and one of 1 s at a throttle of 99%
left 10 MiB: f(1 s) is 10 MiB.
"""

from collections.abc import Sequence

from nova_livemig_gpu.model import DirtyCurve, Pass
from nova_livemig_gpu.prediction import merge, shown
from nova_livemig_gpu.prediction.merge import Observed

_PASSES = 12
_NEAR = 0.1


def curve(
    passes: Sequence[Pass],
    ceiling_bytes: float,
    now_s: float,
    before: DirtyCurve | None = None,
) -> DirtyCurve:
    """Return it; without points where nothing is known.

    :param passes: consecutive, oldest first
    :param ceiling_bytes: all memory that can become dirty
    :param now_s: on the passes' clock
    :param before: measured or remembered before the start
    """
    throttle = passes[-1].throttle_percent if passes else 0
    newest = [
        each for each in passes[-_PASSES:] if each.throttle_percent >= throttle
    ]
    kept: list[Observed] = []
    for point in reversed(shown.points(newest, ceiling_bytes, now_s)):
        if not any(_near(point, other) for other in kept):
            kept.append(point)
    if before is not None and not throttle:
        kept += [
            Observed(p.period_s, p.dirty_bytes, age_s=now_s)
            for p in before.points
        ]
    return merge.merge(kept, ceiling_bytes) or DirtyCurve((), ceiling_bytes)


def _near(older: Observed, newer: Observed) -> bool:
    return abs(newer.period_s - older.period_s) < _NEAR * older.period_s
