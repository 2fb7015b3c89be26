"""One dirty curve from several sources, each weighted by what it is worth.

Sources are the measurement before the start, a curve file, past migrations
of the server and the passes of the running one. What one of them saw at a
period has a variance; where it is unknown a share of the value stands for its
standard deviation: measured and file 10%, passes 15%, history 30%.

1. Age. The variance of a point doubles every 10 minutes, up to 2**20 times.
2. One source. Points whose periods differ by less than 10% are one: their
   mean, weighted by 1 / variance. Then the curve must not fall: neighbours
   that do are one level, their weighted mean (isotonic regression).
3. Phase. The youngest source is believed. With z**2 the mean over its
   periods of

       (older - youngest)**2 / (sum of their variances)

   where the older source says something, a z**2 above 4 means that the guest
   does something else now: the older source's variances are multiplied by
   1 + z**2, its shape counts where nothing else does.
4. Together. At each period that any source has, the weighted mean of all
   sources that cover it (between their points a source is linear, and it
   reaches 10% beyond them). Then the curve must not fall, as in 2.

The result lies between the least and the most that any source says at that
period, but for the levelling, which stays within what all say at all.

Missing data: no point, no curve. A single source is returned as it is, apart
from 2.

Example: measured 100 MB in 1 s (sigma 10 MB), history 200 MB in 1 s (sigma
60 MB) and 400 MB in 10 s, all new: z**2 = 2.7, so 103 MB in 1 s, 400 MB in
10 s.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from nova_livemig_gpu.model import CurvePoint, DirtyCurve
from nova_livemig_gpu.prediction import curve

_SIGMA = {"measured": 0.1, "file": 0.1, "passes": 0.15}
_SIGMA_OTHER = 0.3
#: Of sources of the same age the last one here is the youngest.
_OF_ONE_AGE = ("history", "file", "measured", "passes")
_HALF_LIFE_S = 600.0
_MOST_HALVINGS = 20.0
_NEAR = 1.1
_OTHER_PHASE = 4.0
#: No observation is better than this.
_LEAST_VARIANCE = 4096.0**2


@dataclass(frozen=True)
class Observed:
    """A point of f(t) as one source saw it.

    :ivar variance_bytes2: of ``dirty_bytes``; None: unknown
    :ivar age_s: how long ago it was seen
    :ivar source: "measured", "file", "history" or "passes"
    """

    period_s: float
    dirty_bytes: float
    variance_bytes2: float | None = None
    age_s: float = 0.0
    source: str = "measured"


def sampled(
    period_s: float,
    dirty_bytes: float,
    memory_bytes: float,
    sampled_pages: int,
    age_s: float = 0.0,
    source: str = "measured",
) -> Observed:
    """Return a point that was seen on a sample of the pages.

    Binomial: with n samples, of which a share p is dirty, the variance of
    p * memory is memory**2 * p * (1 - p) / n. Where all samples or none are
    dirty, half a sample stands for what was not seen.
    """
    n = max(sampled_pages, 1)
    share = min(max(dirty_bytes / memory_bytes, 0.5 / n), 1 - 0.5 / n)
    variance = memory_bytes**2 * share * (1 - share) / n
    return Observed(period_s, dirty_bytes, variance, age_s, source)


def merge(seen: Iterable[Observed], ceiling_bytes: float) -> DirtyCurve | None:
    """Return the curve that all sources together show; None: no point.

    :raises InvalidCurve: a point is wrong
    """
    by_source: dict[str, list[Observed]] = defaultdict(list)
    for each in seen:
        by_source[each.source].append(each)
    if not by_source:
        return None
    # also the check of every point
    for points in by_source.values():
        curve.make(map(_point, points), ceiling_bytes)
    sources = [_one_source(points) for points in by_source.values()]
    sources.sort(key=_youth)
    if len(sources) > 1:
        first, *others = sources
        sources = [first, *(_another_phase(first, each) for each in others)]
    return curve.make(map(_point, _together(sources)), ceiling_bytes)


def _youth(source: Sequence[Observed]) -> tuple[float, int, str]:
    name = source[0].source
    known = _OF_ONE_AGE.index(name) if name in _OF_ONE_AGE else 0
    return min(each.age_s for each in source), -known, name


def _point(each: Observed) -> CurvePoint:
    return CurvePoint(each.period_s, each.dirty_bytes)


def _variance(each: Observed) -> float:
    """Variance with the age in it."""
    own = each.variance_bytes2
    if own is None:
        sigma = _SIGMA.get(each.source, _SIGMA_OTHER)
        own = (sigma * each.dirty_bytes) ** 2
    halvings = min(max(each.age_s, 0.0) / _HALF_LIFE_S, _MOST_HALVINGS)
    return float(max(own, _LEAST_VARIANCE) * 2.0**halvings)


def _one_source(points: Iterable[Observed]) -> list[Observed]:
    """Step 1 and 2: aged, near periods one, never falling."""
    aged = [replace(p, variance_bytes2=_variance(p)) for p in points]
    aged.sort(key=lambda p: p.period_s)
    groups: list[list[Observed]] = []
    for each in aged:
        if groups and each.period_s < _NEAR * groups[-1][0].period_s:
            groups[-1].append(each)
        else:
            groups.append([each])
    return _never_falling([_mean(group) for group in groups])


def _known(each: Observed) -> float:
    assert each.variance_bytes2 is not None
    return each.variance_bytes2


def _mean(group: Sequence[Observed]) -> Observed:
    """The weighted mean of independent observations of the same."""
    weights = [1.0 / _known(each) for each in group]
    total = sum(weights)

    def mean(values: Iterable[float]) -> float:
        pairs = zip(weights, values, strict=True)
        return sum(w * value for w, value in pairs) / total

    return Observed(
        mean(each.period_s for each in group),
        mean(each.dirty_bytes for each in group),
        1.0 / total,
        min(each.age_s for each in group),
        group[0].source,
    )


def _never_falling(points: Sequence[Observed]) -> list[Observed]:
    """Isotonic regression by pooling neighbours that fall."""
    pools: list[list[Observed]] = []
    levels: list[float] = []
    for each in points:
        pools.append([each])
        levels.append(each.dirty_bytes)
        while len(levels) > 1 and levels[-2] > levels[-1]:
            last = pools.pop()
            pools[-1] += last
            levels[-2:] = [_mean(pools[-1]).dirty_bytes]
    return [
        replace(each, dirty_bytes=level)
        for pool, level in zip(pools, levels, strict=True)
        for each in pool
    ]


def _at(source: Sequence[Observed], period_s: float) -> Observed | None:
    """What a source says of a period; None: it does not reach there."""
    first, last = source[0], source[-1]
    if not first.period_s / _NEAR <= period_s <= last.period_s * _NEAR:
        return None
    if period_s <= first.period_s:
        return replace(first, period_s=period_s)
    if period_s >= last.period_s:
        return replace(last, period_s=period_s)
    n = bisect_left(source, period_s, key=lambda each: each.period_s)
    low, high = source[n - 1], source[n]
    share = (period_s - low.period_s) / (high.period_s - low.period_s)

    def between(one: float, other: float) -> float:
        return one * (1 - share) + other * share

    return Observed(
        period_s,
        between(low.dirty_bytes, high.dirty_bytes),
        between(_known(low), _known(high)),
        min(low.age_s, high.age_s),
        low.source,
    )


def _another_phase(
    youngest: Sequence[Observed], older: Sequence[Observed]
) -> list[Observed]:
    """Step 3: believe an older source less where it disagrees."""
    z2 = []
    for now in youngest:
        then = _at(older, now.period_s)
        if then is not None:
            gap = then.dirty_bytes - now.dirty_bytes
            z2.append(gap * gap / (_known(now) + _known(then)))
    mean = sum(z2) / len(z2) if z2 else 0.0
    factor = 1.0 + mean if mean > _OTHER_PHASE else 1.0
    return [
        replace(each, variance_bytes2=_known(each) * factor) for each in older
    ]


def _together(sources: Sequence[Sequence[Observed]]) -> list[Observed]:
    """Step 4."""
    if len(sources) == 1:
        return list(sources[0])
    periods = sorted({p.period_s for source in sources for p in source})
    means = []
    for period_s in periods:
        said = (_at(source, period_s) for source in sources)
        means.append(_mean([each for each in said if each is not None]))
    return _never_falling(means)
