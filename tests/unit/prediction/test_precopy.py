"""Laws of pre-copy; sizes in MiB, rates in MiB/s."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nova_livemig_gpu.model import CurvePoint, DirtyCurve
from nova_livemig_gpu.prediction import curve, precopy

MIB = 2**20


def rate(mib_s, ceiling_mib=4096):
    """The curve of a constant rate."""
    return curve.make([CurvePoint(1, mib_s * MIB)], ceiling_mib * MIB)


def predict(made, left_mib, mib_s, limit_ms):
    return precopy.predict(made, left_mib * MIB, mib_s * MIB, limit_ms)


sizes = st.floats(1, 4096)
rates = st.floats(10, 1000)
limits = st.floats(10, 5000)
curves = st.lists(
    st.builds(CurvePoint, st.floats(0.1, 60), st.floats(0, 4096 * MIB)),
    min_size=1,
    max_size=6,
).map(lambda points: curve.make(points, 4096 * MIB))


def test_the_documented_example():
    found = predict(rate(10), 128, 50, 300)
    assert found.converges
    assert found.passes == 3
    assert found.total_s == pytest.approx(3.17, abs=0.01)
    assert found.downtime_ms == pytest.approx(102.4)


def test_idle_server_needs_one_pass_and_an_empty_pause():
    found = predict(rate(0), 100, 50, 300)
    assert found.converges
    assert found.total_s == pytest.approx(2)
    assert found.downtime_ms == 0


def test_no_bandwidth_never_ends():
    assert not predict(rate(1), 100, 0, 300).converges
    assert precopy.postcopy_s(1, 0) == math.inf


def test_a_limit_longer_than_the_rest_is_one_pause():
    found = predict(rate(1000), 100, 50, 2000)
    assert found.converges and found.passes == 1
    assert found.downtime_ms == pytest.approx(2000)


def test_a_constant_rate_above_the_link_never_converges():
    found = predict(rate(60), 100, 50, 300)
    assert not found.converges
    assert found.total_s is None and found.downtime_ms is None
    assert found.why == "passes do not shrink"


def test_constant_rate_over_a_minute_hides_a_hot_working_set():
    """FACTS 7: 20 MiB/s over 60 s, but all of it within the first second
    and again: the curve knows, the average does not."""
    hot = DirtyCurve(
        (CurvePoint(1, 100 * MIB), CurvePoint(60, 1200 * MIB)), 4096 * MIB
    )
    assert predict(rate(20), 1024, 50, 300).converges
    assert not predict(hot, 1024, 50, 300).converges


@given(curves, sizes, rates, limits)
def test_floor_of_akoush(made, left, link, limit):
    """T >= M / B, whatever is written."""
    found = predict(made, left, link, limit)
    assume(found.converges)
    assert found.total_s >= left / link * (1 - 1e-9)
    assert found.downtime_ms <= limit * (1 + 1e-9)
    assert found.sent_bytes >= left * MIB * (1 - 1e-9)
    assert found.sent_bytes == pytest.approx(found.total_s * link * MIB)


@given(st.floats(0, 0.8), sizes, rates, limits)
def test_ceiling_of_akoush(share, left, link, limit):
    """T <= 5 M / B where no more than 80% of the link is written."""
    found = predict(rate(share * link, 10**6), left, link, limit)
    assert found.converges
    assert found.total_s <= 5 * left / link * (1 + 1e-9)


@given(curves, sizes, rates, limits, limits)
def test_a_longer_limit_never_takes_longer(made, left, link, one, other):
    short, long = sorted((one, other))
    tight = predict(made, left, link, short)
    assume(tight.converges)
    loose = predict(made, left, link, long)
    assert loose.converges
    assert loose.total_s <= tight.total_s * (1 + 1e-9)


@given(curves, sizes, rates, rates, limits)
def test_more_bandwidth_never_takes_longer(made, left, one, other, limit):
    slow, fast = sorted((one, other))
    on_slow = predict(made, left, slow, limit)
    assume(on_slow.converges)
    on_fast = predict(made, left, fast, limit)
    assert on_fast.converges
    assert on_fast.total_s <= on_slow.total_s * (1 + 1e-9)


@given(curves, sizes, sizes, rates, limits)
def test_more_memory_never_takes_less(made, one, other, link, limit):
    small, large = sorted((one, other))
    on_large = predict(made, large, link, limit)
    assume(on_large.converges)
    on_small = predict(made, small, link, limit)
    assert on_small.converges
    assert on_small.total_s <= on_large.total_s * (1 + 1e-9)


@given(curves, sizes, rates, limits)
def test_without_convergence_the_floor_is_above_the_limit(
    made, left, link, limit
):
    found = predict(made, left, link, limit)
    assume(found.why == "passes do not shrink")
    assert found.floor_bytes / (link * MIB) * 1e3 > limit * (1 - 1e-5)


@given(curves, sizes, rates, limits)
def test_postcopy_is_never_slower_than_precopy(made, left, link, limit):
    found = predict(made, left, link, limit)
    assume(found.converges)
    alone = precopy.postcopy_s(left * MIB, link * MIB)
    assert alone <= found.total_s * (1 + 1e-9)
