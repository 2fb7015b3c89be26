"""The throttle that a server needs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.model import CurvePoint, GuestMemory
from nova_livemig_gpu.prediction import qemu
from nova_livemig_gpu.prediction.curve import dirty_bytes, make
from nova_livemig_gpu.prediction.throttled import (
    needed,
    slowed,
    stall_ms,
    work_share,
)

MIB = 2**20
MEMORY = GuestMemory(2**30 / 4096, 0)


def sweep(rate_mib_s, size_mib=1024):
    """A rate, up to a working set."""
    full_s = size_mib / rate_mib_s
    points = (
        CurvePoint(full_s, size_mib * MIB),
        CurvePoint(2 * full_s, size_mib * MIB),
    )
    first = CurvePoint(full_s / 1000, size_mib * MIB / 1000)
    return make((first, *points), 1024 * MIB)


@pytest.mark.parametrize(
    ("rate", "share", "percent"),
    [
        # written at p: 80 (100 - p) / 100 / u, half of 40 at most
        (80, None, 75),
        (80, 1.0, 75),
        (80, 0.5, 88),
        (190, 1.0, 90),
        (20, 1.0, 20),
        (2000, 1.0, 99),
        # not even 99 are enough
        (20000, 1.0, None),
        (80, 0.001, None),
    ],
)
def test_half_of_the_link_is_written_at_most(rate, share, percent):
    found = needed(MEMORY, sweep(rate), 40.0 * MIB, 300, share)
    assert found == percent


@given(
    rate=st.floats(1, 5000),
    size=st.integers(1, 1024),
    share=st.floats(0.01, 1.0),
    limit_ms=st.integers(10, 5000),
)
def test_it_is_enough_and_one_less_is_not(rate, size, share, limit_ms):
    curve, link = sweep(rate, size), 40.0 * MIB
    found = needed(MEMORY, curve, link, limit_ms, share)

    def ends(percent):
        slow = slowed(curve, work_share(percent, share))
        last_s = min(max(limit_ms / 1e3, 0.125), 1.0)
        for period_s in (1.0, last_s):
            if dirty_bytes(slow, period_s) > link / 2 * period_s:
                return False
        return qemu.predict(MEMORY, slow, link, limit_ms).converges

    if found is None:
        assert not ends(99)
        return
    assert 20 <= found <= 99 and ends(found)
    assert found == 20 or not ends(found - 1)


@given(
    rate=st.floats(1, 5000),
    one=st.floats(0.01, 1.0),
    other=st.floats(0.01, 1.0),
)
def test_an_unknown_share_asks_for_the_least(rate, one, other):
    def percent(share):
        return needed(MEMORY, sweep(rate), 40.0 * MIB, 300, share) or 100

    low, high = sorted([one, other])
    assert percent(None) <= percent(high) <= percent(low)


def test_what_was_measured_too_coarsely_goes_straight_to_0():
    """Seen of 110 MiB/s over 96 MiB, one of whose vCPUs ran for a fifth of
    its time; 400 Mbit/s. A line through both points says 68 MiB at once."""
    points = [CurvePoint(1, 78 * MIB), CurvePoint(2, 88 * MIB)]
    curve = make(points, 256 * MIB)
    assert dirty_bytes(curve, 0.001) > 67 * MIB
    memory = GuestMemory(241 * MIB / 4096, 15 * MIB / 4096)
    # 78 MiB/s at 5 / 21 of it are less than half of 45 MiB/s
    assert needed(memory, curve, 45 * MIB, 350, 0.21) == 94


def test_a_slowed_curve_is_the_same_later():
    curve = make([CurvePoint(1, 10 * MIB), CurvePoint(4, 20 * MIB)], 2**30)
    assert dirty_bytes(slowed(curve, 0.25), 8.0) == dirty_bytes(curve, 2.0)


def test_a_cpu_stands_still_for_what_qemu_says():
    assert stall_ms(50) == 10
    assert stall_ms(99) == 990
