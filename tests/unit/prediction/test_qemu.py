"""QEMU's own rule for the end."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nova_livemig_gpu.model import CurvePoint, DirtyCurve, GuestMemory
from nova_livemig_gpu.prediction import passes, qemu

MIB = 2**20
GUEST = GuestMemory(262144, 0)


def rate(bps):
    return DirtyCurve((CurvePoint(1.0, bps),), GUEST.normal_bytes)


def test_the_documented_example():
    found = qemu.predict(GUEST, None, 50e6, 300)
    assert found.converges and found.passes == 1
    assert found.downtime_ms == pytest.approx(275)
    assert found.total_s == pytest.approx(21.52, abs=0.01)
    assert found.why == passes.IDLE


def test_zero_pages_are_quick_in_the_pause():
    guest = GuestMemory(131072, 131072)
    found = qemu.predict(guest, None, 50e6, 300)
    assert found.downtime_ms == pytest.approx(275 / 2, rel=1e-3)


def test_a_slow_end_uses_the_whole_limit():
    """What nearly fills the link leaves a pause just below the limit,
    whatever one pass dirties."""
    found = qemu.predict(GUEST, rate(45e6), 50e6, 300)
    assert found.converges
    assert 250 < found.downtime_ms <= 300


def test_a_rate_above_the_link_never_ends():
    found = qemu.predict(GUEST, rate(60e6), 50e6, 300)
    assert not found.converges
    assert found.why == passes.NO_SHRINK
    assert found.total_s is None


def test_passes_that_hardly_shrink_take_too_long():
    found = qemu.predict(GUEST, rate(0.987e6), 1e6, 1)
    assert not found.converges
    assert found.why == passes.NO_TIME


def test_a_link_for_hours_is_slow_and_no_more():
    found = qemu.predict(GUEST, rate(1e3), 1e5, 300)
    assert found.converges
    assert found.total_s > 8000


def test_a_limit_longer_than_all_of_it():
    found = qemu.predict(GUEST, rate(60e6), 50e6, 1e6)
    assert found.converges
    assert found.downtime_ms == pytest.approx(found.total_s * 1e3)


@given(st.floats(0, 0.95), st.floats(1e6, 1e9), st.floats(10, 5000))
def test_bounds(share, link, limit):
    found = qemu.predict(GUEST, rate(share * link), link, limit)
    assume(found.converges)
    assert found.downtime_ms <= limit * (1 + 1e-9)
    assert found.total_s >= passes.first_bytes(GUEST) / link * (1 - 1e-6)
    assert found.sent_bytes == pytest.approx(found.total_s * link)


@given(st.floats(0, 0.8), st.floats(1e6, 1e9), st.floats(100, 5000))
def test_what_leaves_a_fifth_of_the_link_ends(share, link, limit):
    found = qemu.predict(GUEST, rate(share * link), link, limit)
    alone_s = passes.first_bytes(GUEST) / link
    assert found.converges
    assert found.total_s <= 6 * alone_s


def hot(mib):
    """So much, written all over in 0.2 s."""
    points = (CurvePoint(0.2, mib * MIB), CurvePoint(10.0, mib * MIB))
    return DirtyCurve(points, GUEST.normal_bytes)


def test_a_hot_set_that_hardly_does_not_fit():
    """QEMU's own bandwidth is above the mean now and then."""
    link = 50 * MIB * passes.wire(GUEST)
    assert qemu.predict(GUEST, hot(14.5), link, 300).converges
    found = qemu.predict(GUEST, hot(16), link, 300)
    assert found.converges
    assert 300 < found.downtime_ms <= 330
    assert not qemu.predict(GUEST, hot(18), link, 300).converges


def test_a_page_that_waits_and_is_dirtied_again_waits_once():
    """The hot set fits, though it is dirtied faster than it is sent."""
    link = 50 * MIB * passes.wire(GUEST)
    found = qemu.predict(GUEST, hot(12), link, 300)
    assert found.converges
    assert found.total_s < 22
