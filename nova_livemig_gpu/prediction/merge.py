"""One curve from several sources, weighted by what each is worth."""

from collections.abc import Iterable
from dataclasses import dataclass

from nova_livemig_gpu.model import CurvePoint, DirtyCurve
from nova_livemig_gpu.prediction import curve


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
    p * memory is memory**2 * p * (1 - p) / n.
    """
    n = max(sampled_pages, 1)
    share = min(max(dirty_bytes / memory_bytes, 0.5 / n), 1 - 0.5 / n)
    variance = memory_bytes**2 * share * (1 - share) / n
    return Observed(period_s, dirty_bytes, variance, age_s, source)


def merge(seen: Iterable[Observed], ceiling_bytes: float) -> DirtyCurve | None:
    """Return the curve that all sources together show; None: no point.

    :raises InvalidCurve: a point is wrong
    """
    points = [CurvePoint(each.period_s, each.dirty_bytes) for each in seen]
    return curve.make(points, ceiling_bytes) if points else None
