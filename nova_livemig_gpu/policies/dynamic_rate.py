"""NSDI'05's dynamic rate limiting (Clark et al., 5.3).

The first pass is sent at 50 Mbit/s, each later one at the rate at which the
last one dirtied memory plus 50 Mbit/s, up to a maximum. The dirty rate of a
pass is what it dirtied divided by the time it took. What is sent while the
guest stands still is not limited by QEMU, and so goes at the maximum.

Missing data: a pass that took no time that could be measured tells no dirty
rate: the maximum.

Example: a pass took 4 s and dirtied 100 MB, 200 Mbit/s: the next is sent at
250 Mbit/s.
"""

from nova_livemig_gpu.model import Pass

STEP_MBPS = 50
#: Where neither the server nor the link has one: Xen's in 2005.
MOST_MBPS = 500
_BITS = 8


def first_mbps(most_mbps: float) -> float:
    """Return the rate of the first pass."""
    return min(STEP_MBPS, most_mbps)


def next_mbps(last: Pass, most_mbps: float) -> float:
    """Return the rate of the pass after ``last``."""
    if last.duration_s <= 0:
        return most_mbps
    dirty_mbps = last.dirtied_bytes * _BITS / 10**6 / last.duration_s
    return min(dirty_mbps + STEP_MBPS, most_mbps)
