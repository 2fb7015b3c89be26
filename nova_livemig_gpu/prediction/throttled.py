"""The least throttle of auto-converge that a server needs.

A CPU that is throttled to p percent runs for (100 - p) / 100 of the time. A
server that uses a share u of its CPU anyway is slowed down to

    w(p) = min((100 - p) / 100 / u, 1)

of what it did, and so its dirty curve f(t) becomes f(w t). QEMU raises the
throttle no further once less than half of what is sent in a second is
dirtied in it, in one pass or in several (``planning.throttle``), so p is the
least of 20 to 99 percent with

    f(w(p) t) <= B t / 2    for t = 1 s, and for the limit, 125 ms at least

by which pre-copy ends (``prediction.qemu``), B being the bandwidth. Where u
is unknown it is taken to be 1, and below its first point f is taken to go
straight to 0, so that p is not more than is needed: a CPU under a throttle of
96% does in a second what it did in 40 ms, and no curve is known there.

Source: QEMU's system/cpu-throttle.c (``cpu_throttle_thread``): a CPU runs
for 10 ms and sleeps for 10 ms * p / (100 - p).

Example: 80 MiB/s over 1 GiB, a link of 40 MiB/s, u = 1: 75%, by which 20
MiB/s are written. u = 0.5: 88%.
"""

from dataclasses import replace

from nova_livemig_gpu.model import CurvePoint, DirtyCurve, GuestMemory
from nova_livemig_gpu.prediction import curve as curves
from nova_livemig_gpu.prediction import qemu

#: QEMU's, where nobody sets them: cpu-throttle-initial, max-cpu-throttle,
#: and throttle-trigger-threshold, as a share.
LEAST, MOST = 20, 99
THRESHOLD = 0.5
_PERIOD_S, _SHORTEST_S = 1.0, 0.125
#: Of the first period, where the line to 0 has a point.
_NEAR = 1e-3


def needed(
    memory: GuestMemory,
    curve: DirtyCurve,
    bandwidth_bps: float,
    limit_ms: float,
    cpu_share: float | None = None,
) -> int | None:
    """Return p, percent; None: not even 99 are enough.

    :param bandwidth_bps: bytes per second
    :param limit_ms: longest pause that QEMU is allowed
    :param cpu_share: u, above 0; None: unknown
    """

    last_s = min(max(limit_ms / 1e3, _SHORTEST_S), _PERIOD_S)

    def enough(percent: int) -> bool:
        slow = slowed(curve, work_share(percent, cpu_share or 1.0))
        for period_s in (_PERIOD_S, last_s):
            dirty = curves.dirty_bytes(slow, period_s)
            if dirty > THRESHOLD * bandwidth_bps * period_s:
                return False
        return qemu.predict(memory, slow, bandwidth_bps, limit_ms).converges

    if not enough(MOST):
        return None
    low, high = LEAST, MOST
    while low < high:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle + 1
    return high


def work_share(percent: int, cpu_share: float) -> float:
    """Return w.

    >>> work_share(75, 1.0), work_share(75, 0.5), work_share(75, 0.1)
    (0.25, 0.5, 1.0)
    """
    return min((100 - percent) / 100 / cpu_share, 1.0)


def slowed(curve: DirtyCurve, share: float) -> DirtyCurve:
    """Return f(share * t), share above 0, and straight to 0 below its first
    point."""
    points = [
        CurvePoint(each.period_s / share, each.dirty_bytes)
        for each in curve.points
    ]
    if points:
        first = points[0]
        near_s, near = first.period_s * _NEAR, first.dirty_bytes * _NEAR
        points.insert(0, CurvePoint(near_s, near))
    return replace(curve, points=tuple(points))


def stall_ms(percent: int) -> float:
    """Return how long a CPU under a throttle stands still at a time.

    >>> [round(stall_ms(p)) for p in (0, 50, 90, 97, 99)]
    [0, 10, 90, 323, 990]
    """
    return 10.0 * percent / (100 - percent)
