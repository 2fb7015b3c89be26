"""What would be known of a simulated guest before it migrates.

Its curve at 0.125 s, doubled up to 64 s, as if it were measured without any
error just before the migration: f(t) is what the guest writes in t seconds if
it goes on as it does at its age. No sampling error is simulated. The forecast
is that of pre-copy alone, by that curve; where it does not end, the throttle
that would do is known, too.
"""

from dataclasses import replace

from nova_livemig_gpu.model import (
    CurvePoint,
    DirtyCurve,
    GuestMemory,
    Surroundings,
)
from nova_livemig_gpu.planning.host import PAGE_BYTES, Guest, Hosts
from nova_livemig_gpu.prediction import curve, qemu, throttled

PERIODS_S = tuple(0.125 * 2**n for n in range(10))


def dirty_curve(guest: Guest) -> DirtyCurve:
    """Return it; all of the memory that is not zero is its ceiling."""
    age_s = guest.age_s
    writer = guest.writer.steady(age_s)
    return curve.make(
        (
            CurvePoint(
                period_s, writer.distinct_bytes(age_s, age_s + period_s)
            )
            for period_s in PERIODS_S
        ),
        float(max(guest.nonzero_bytes, 1)),
    )


def memory_of(guest: Guest) -> GuestMemory:
    """What the first pass finds."""
    zero = guest.total_bytes - guest.nonzero_bytes
    return GuestMemory(
        guest.nonzero_bytes / PAGE_BYTES, zero / PAGE_BYTES, PAGE_BYTES
    )


def foreseen(
    around: Surroundings,
    guest: Guest,
    hosts: Hosts,
    limit_ms: float,
    measured: bool = True,
) -> Surroundings:
    """Return the surroundings with curve and forecast.

    :param limit_ms: downtime limit that the policy goes up to
    :param measured: the curve is known
    """
    known = dirty_curve(guest) if measured else None
    memory, link_bps = memory_of(guest), hosts.link_bps
    ahead = qemu.predict(memory, known, link_bps, limit_ms)
    throttle = None
    if known is not None and not ahead.converges:
        throttle = throttled.needed(
            memory, known, link_bps, limit_ms, guest.cpu_share
        )
    return replace(
        around, curve=known, forecast=ahead, throttle_percent=throttle
    )
