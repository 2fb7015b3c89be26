"""How migrations that leave one host at once share its link.

Names: C what the link carries of them, bytes/s: 94% of its speed (what is
left of it for TCP's payload), less the tenants' reserve; n how many are on
it; N the need of each, the least rate at which its pre-copy ends
(``policies.need``), with at least L = min(50 Mbit/s, C / 2n) for everyone; M
the most that it may send at all.

Of those of which nothing is known TCP is taken to give each C / n, and the
others divide P = C * (those others) / n:

    share = min(max(w, floor), M)      w: such that the shares are P in all,
                                       or everyone has M

The floor is N, as far as P goes: in order of arrival, after everyone has L.
So the shares are never more than C together, and where the needs are, each
gets what lets it end. Where the needs are more than P together, not all can
end now, and at the very edge of its need each takes for ever: the need counts
1.6 times then (``urged``), which is twice the least rate at which it ends, so
that the first are soon out of the way.

Where C / n is enough for the need of each, TCP's even split is as good, and
nothing need be limited for the migrations' sake (``even``). TCP splits evenly
between connections: who has several has as many parts.

A new one may go if somebody's need does not suffer: if all N, its own among
them, are P at most. Else it waits, and the order of arrival holds among those
that wait; who needs no more than L goes ahead of them if there is room. Who
is alone goes, unless others wait. Of whom nothing is known goes.

Missing data: without C there is no share, and nobody waits.

Example: 1 Gbit/s, no reserve: C is 117.5 MB/s. One needs 60 MB/s, another,
which may use post-copy, nothing: 60 and 57.5 MB/s. A third that needs 60 too
waits until the first has gone; were it 30, it would go, and get its 30 beside
60 and 27.5.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

_BITS = 8
_MEGA = 10**6
#: Of a link's speed, what TCP carries with packets of 1500 bytes.
PAYLOAD = 0.94
#: NSDI'05's first rate.
LEAST_MBPS = 50
_ROUNDING = 1e-9
_STEPS = 60
#: Times its need, where there is not enough for all.
_SOON = 1.6


@dataclass(frozen=True)
class Demand:
    """What one migration wants of the link, in bytes/s.

    :ivar need_bps: see the module; 0: it ends with less than everyone has,
        or by other means, or not at all; None: unknown
    :ivar most_bps: that it may send; None: no limit
    :ivar flows: connections that it is sent over
    """

    need_bps: float | None = None
    most_bps: float | None = None
    flows: int = 1


#: Of a migration that nothing is known of, or that Nova steers.
UNKNOWN = Demand()


def capacity_bps(
    link_mbps: float | None, reserve_percent: float
) -> float | None:
    """Return C; None: the speed of the link is unknown.

    >>> capacity_bps(1000, 20)
    94000000.0
    """
    if link_mbps is None or link_mbps <= 0:
        return None
    free = (100 - reserve_percent) / 100
    return link_mbps * _MEGA / _BITS * PAYLOAD * free


def least_bps(capacity: float, count: int = 1) -> float:
    """Return L.

    :param count: n
    """
    return min(LEAST_MBPS * _MEGA / _BITS, capacity / (2 * max(count, 1)))


def divide(
    capacity: float, demands: Sequence[Demand]
) -> tuple[float | None, ...]:
    """Return the share of each; None: nothing is known of it.

    :param capacity: C
    :param demands: of all on the link, in order of arrival
    """
    known = [each for each in demands if each.need_bps is not None]
    pool = _pool(capacity, len(known), len(demands))
    least = least_bps(capacity, len(demands))
    spare = pool - least * len(known)
    floors, caps = [], []
    for each in known:
        cap = min(pool, pool if each.most_bps is None else each.most_bps)
        more = max(min(each.need_bps or 0.0, cap) - least, 0.0)
        floors.append(min(least + min(more, max(spare, 0.0)), cap))
        spare -= more
        caps.append(cap)
    given = iter(_level(pool, floors, caps))
    return tuple(
        None if each.need_bps is None else next(given) for each in demands
    )


def urged(capacity: float, demands: Sequence[Demand]) -> Sequence[Demand]:
    """Return the demands as they count where there is not enough for all.

    :param demands: of all on the link

    >>> [d.need_bps for d in urged(100.0, [Demand(60.0), Demand(50.0)])]
    [96.0, 80.0]
    """
    known = [each for each in demands if each.need_bps is not None]
    least = least_bps(capacity, len(demands))
    needs = sum(_wanted(each, least, capacity) for each in known)
    if needs <= _pool(capacity, len(known), len(demands)) * (1 + _ROUNDING):
        return demands
    return [_urged(each) for each in demands]


def scarce(capacity: float, demands: Sequence[Demand]) -> bool:
    """Whether an even split would not be enough if all needs counted so."""
    return not even(capacity, [_urged(each) for each in demands])


def _urged(each: Demand) -> Demand:
    return replace(each, need_bps=each.need_bps and _SOON * each.need_bps)


def even(capacity: float, demands: Sequence[Demand]) -> bool:
    """Whether an even split gives everyone what it needs."""
    flow = capacity / max(sum(each.flows for each in demands), 1)
    return all(
        _wanted(each, 0.0, capacity) <= flow * each.flows for each in demands
    )


def may_go(
    capacity: float,
    running: Sequence[Demand],
    waiting: bool,
    new: Demand,
) -> bool:
    """Whether a new one may go beside those that run.

    :param waiting: others wait that came before
    """
    if new.need_bps is None:
        return True
    every = (*running, new)
    known = [each for each in every if each.need_bps is not None]
    least = least_bps(capacity, len(every))
    if waiting and new.need_bps > least:
        return False
    if not running:
        return True
    needs = sum(_wanted(each, least, capacity) for each in known)
    pool = _pool(capacity, len(known), len(every))
    return needs <= pool * (1 + _ROUNDING)


def _wanted(each: Demand, least: float, capacity: float) -> float:
    most = capacity if each.most_bps is None else each.most_bps
    return min(max(each.need_bps or 0.0, least), most)


def _pool(capacity: float, known: int, count: int) -> float:
    return capacity * known / count if count else 0.0


def _level(
    pool: float, floors: Sequence[float], caps: Sequence[float]
) -> list[float]:
    """Return the shares by the water level w."""
    if sum(caps) <= pool:
        return list(caps)
    low, high = 0.0, pool
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if sum(_shares(middle, floors, caps)) <= pool:
            low = middle
        else:
            high = middle
    return _shares(low, floors, caps)


def _shares(
    level: float, floors: Sequence[float], caps: Sequence[float]
) -> list[float]:
    return [
        min(max(level, floor), cap)
        for floor, cap in zip(floors, caps, strict=True)
    ]
