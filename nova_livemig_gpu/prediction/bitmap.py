"""What waits in QEMU's bitmap: which of the dirtied pages are new in it.

A pass ends with U bytes unsent of the P that waited when it began, after t
seconds in which D = f(t) distinct bytes were dirtied. A page that waits and
is dirtied again waits once, so that the next pass begins with

    P' = U + D - again * U / P

``again`` is the part of D that is among the P pages. P itself is what was
dirtied not long ago: as much as the guest dirties in some time w = f^-1(P).
What it dirties in w + t seconds and not in w is not among them:

    again = D - (f(w + t) - f(w))

and of those pages the unsent part is U / P, as the bitmap is sent in order
of addresses, not of age. Before the first pass P is all memory, of which a
page is as good as any other: again = D.

Read backwards this gives f from what a pass is seen to leave: between P' - U
(all of D new) and (P' - U) / (1 - U / P) (all of it among P).

Example: 24 MB written all over in 0.2 s, P = 24 MB, U = 9 MB, t = 0.3 s: D =
24, f(w + t) - f(w) = 0, P' = 9 + 24 - 24 * 9 / 24 = 24 MB: it never ends
where less fits.
"""

from bisect import bisect_left

from nova_livemig_gpu.model import CurvePoint, DirtyCurve
from nova_livemig_gpu.prediction.curve import dirty_bytes


def after(
    curve: DirtyCurve, waiting_bytes: float, unsent_bytes: float, pass_s: float
) -> float:
    """P', what waits after a pass; see the module.

    :param waiting_bytes: P, at its begin
    :param unsent_bytes: U, at its end
    """
    dirty = dirty_bytes(curve, pass_s)
    if waiting_bytes <= 0.0:
        return dirty
    age_s = age(curve, waiting_bytes)
    new = 0.0
    if age_s is not None:
        new = dirty_bytes(curve, age_s + pass_s) - dirty_bytes(curve, age_s)
    again = max(dirty - new, 0.0)
    return unsent_bytes + dirty - again * unsent_bytes / waiting_bytes


def age(curve: DirtyCurve, dirty: float) -> float | None:
    """The time in which so much is dirtied; None: it never is."""
    points = curve.points
    if not points or dirty > curve.ceiling_bytes:
        return None
    n = bisect_left(points, dirty, key=_dirty)
    if len(points) == 1:
        low, high = CurvePoint(0.0, 0.0), points[0]
    else:
        n = min(max(n, 1), len(points) - 1)
        low, high = points[n - 1], points[n]
    rise = high.dirty_bytes - low.dirty_bytes
    if rise <= 0.0:
        return None if dirty > high.dirty_bytes else low.period_s
    share = (dirty - low.dirty_bytes) / rise
    return max(low.period_s + share * (high.period_s - low.period_s), 0.0)


def dirtied(
    waiting_bytes: float, unsent_bytes: float, left_bytes: float
) -> tuple[float, float]:
    """Least and most that f(t) was, from what a pass left.

    :param left_bytes: P', what waits after it
    """
    least = max(left_bytes - unsent_bytes, 0.0)
    if not 0.0 <= unsent_bytes < waiting_bytes:
        return least, least
    most = least / (1.0 - unsent_bytes / waiting_bytes)
    return least, min(most, max(left_bytes, least))


def _dirty(point: CurvePoint) -> float:
    return point.dirty_bytes
