"""What a migration that has ended shows of the next one.

f(t) from its passes. A pass of t seconds that began with P bytes waiting and
ended with U of them unsent has left P'; see ``prediction.bitmap`` for what
f(t) was at least and at most. Their middle is taken; half of the distance
and 10% of the middle, added as squares, are its standard deviation. The first
pass, in which all memory waits, says f(t) exactly but for that. A pass that
is several in one says nothing.

Bandwidth: what the passes sent, by the time they took.

Example: P = 24 MB, U = 9 MB, P' = 24 MB after 0.36 s: f(0.36 s) was 15 MB to
24 MB.
"""

from collections.abc import Sequence

from nova_livemig_gpu.model import Pass
from nova_livemig_gpu.prediction import bitmap
from nova_livemig_gpu.prediction.merge import Observed

_SIGMA = 0.1


def points(
    passes: Sequence[Pass], memory_bytes: float, now_s: float
) -> tuple[Observed, ...]:
    """Points of f(t), in the order of the passes.

    :param passes: consecutive, oldest first
    :param memory_bytes: all memory of the server
    :param now_s: on the passes' clock; ages are counted from here
    """
    found = []
    waiting: float | None = None
    for each in passes:
        if each.number == 1:
            waiting = memory_bytes
        if not each.merged and each.duration_s > 0:
            found.append(_point(each, waiting, now_s))
        waiting = float(each.unsent_bytes + each.dirtied_bytes)
    return tuple(found)


def _point(each: Pass, waiting: float | None, now_s: float) -> Observed:
    unsent = float(each.unsent_bytes)
    if waiting is None:
        least = most = float(each.dirtied_bytes)
    else:
        least, most = bitmap.dirtied(
            waiting, unsent, unsent + each.dirtied_bytes
        )
    if each.number == 1:
        least = most
    middle = (least + most) / 2
    variance = ((most - least) / 2) ** 2 + (_SIGMA * middle) ** 2
    return Observed(
        each.duration_s,
        middle,
        variance,
        max(now_s - each.end_s, 0.0),
        "passes",
    )


def bandwidth_bps(passes: Sequence[Pass]) -> float | None:
    """Bytes per second that flowed; None: unknown."""
    whole = [each for each in passes if not each.merged] or list(passes)
    seconds = sum(each.duration_s for each in whole)
    sent = sum(each.sent_bytes for each in whole)
    return sent / seconds if seconds > 0 and sent > 0 else None
