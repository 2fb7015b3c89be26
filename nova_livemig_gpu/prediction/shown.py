"""What a migration shows of the next one, and of its own rest.

f(t) from its passes. A pass of t seconds that began with P bytes waiting,
ended with U of them unsent and left P' has dirtied D = f(t) distinct bytes,
of which P' - U were not waiting already. With the law of
``prediction.bitmap``, n = f(w + t) - f(w) what is new after w = f^-1(P):

    D = (P' - U - n * U / P) / (1 - U / P)

f is not known yet: it is begun with D = P' - U for all passes, and put in
twice. D stays from P' - U (all new) to (P' - U) / (1 - U / P) (all of it was
waiting); a sixth of the distance and 10% of D, added as squares, are its
standard deviation. Before the first pass all memory waits: its D is the most.
A pass that is several in one says nothing.

Bandwidth: what the passes sent, by the time they took.

Example: the first pass, 4 s, finds 24 MB dirty, and 0.36 s later, with 9 MB
unsent of 24 MB, 15 MB more are: f(0.36 s) is 23.5 MB, not 15.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from nova_livemig_gpu.model import CurvePoint, DirtyCurve, Pass
from nova_livemig_gpu.prediction import bitmap, curve
from nova_livemig_gpu.prediction.merge import Observed

_SIGMA = 0.1
_ROUNDS = 2


@dataclass(frozen=True)
class _Bounds:
    """A pass with what it can have dirtied.

    :ivar unsent_share: U / P; 0: unknown
    """

    done: Pass
    waiting: float
    unsent_share: float
    least: float
    most: float


def points(
    passes: Sequence[Pass], memory_bytes: float, now_s: float
) -> tuple[Observed, ...]:
    """Points of f(t), in the order of the passes.

    :param passes: consecutive, oldest first
    :param memory_bytes: all memory of the server
    :param now_s: on the passes' clock; ages are counted from here
    """
    bounds = _bounds(passes, memory_bytes)
    if not bounds:
        return ()
    values = [each.least for each in bounds]
    for _ in range(_ROUNDS):
        known = curve.make(
            (
                CurvePoint(each.done.duration_s, value)
                for each, value in zip(bounds, values, strict=True)
            ),
            max(memory_bytes, 1.0),
        )
        values = [_dirtied(known, each) for each in bounds]
    return tuple(
        _point(each, value, now_s)
        for each, value in zip(bounds, values, strict=True)
    )


def _bounds(passes: Sequence[Pass], memory_bytes: float) -> list[_Bounds]:
    found = []
    waiting = 0.0
    for each in passes:
        if each.number == 1:
            waiting = memory_bytes
        unsent, net = float(each.unsent_bytes), float(each.dirtied_bytes)
        if not each.merged and each.duration_s > 0:
            least, most = bitmap.dirtied(waiting, unsent, unsent + net)
            share = unsent / waiting if unsent < waiting else 0.0
            if each.number == 1:
                least = most
            found.append(_Bounds(each, waiting, share, least, most))
        waiting = unsent + net
    return found


def _dirtied(known: DirtyCurve, each: _Bounds) -> float:
    age_s = bitmap.age(known, each.waiting)
    new = 0.0
    if age_s is not None:
        period_s = each.done.duration_s
        new = curve.dirty_bytes(known, age_s + period_s)
        new -= curve.dirty_bytes(known, age_s)
    share = each.unsent_share
    value = (each.done.dirtied_bytes - new * share) / (1.0 - share)
    return min(max(value, each.least), each.most)


def _point(each: _Bounds, value: float, now_s: float) -> Observed:
    return Observed(
        each.done.duration_s,
        value,
        ((each.most - each.least) / 6) ** 2 + (_SIGMA * value) ** 2,
        max(now_s - each.done.end_s, 0.0),
        "passes",
    )


def bandwidth_bps(passes: Sequence[Pass]) -> float | None:
    """Bytes per second that flowed; None: unknown."""
    whole = [each for each in passes if not each.merged] or list(passes)
    seconds = sum(each.duration_s for each in whole)
    sent = sum(each.sent_bytes for each in whole)
    return sent / seconds if seconds > 0 and sent > 0 else None
