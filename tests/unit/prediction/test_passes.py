"""The iteration, compared with the same written down naively; its laws."""

import time

import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

from nova_livemig_gpu.model import CurvePoint, DirtyCurve, GuestMemory
from nova_livemig_gpu.prediction import curve, passes, qemu

MIB = 2**20
#: 1 GiB, a quarter of it zero.
GUEST = GuestMemory(196608, 65536)


def rate(bps, memory=GUEST):
    return DirtyCurve((CurvePoint(1.0, bps),), memory.normal_bytes)


@st.composite
def curves(draw, memory=GUEST):
    """Curves whose points may lie above the ceiling."""
    steps = draw(
        st.lists(
            st.tuples(st.floats(0.01, 20), st.floats(0, 500 * MIB)),
            min_size=1,
            max_size=6,
        )
    )
    points, period_s, dirty = [], 0.0, 0.0
    for more_s, more in steps:
        period_s, dirty = period_s + more_s, dirty + more
        points.append(CurvePoint(period_s, dirty))
    return DirtyCurve(tuple(points), memory.normal_bytes)


links = st.floats(1e6, 1e9)
limits = st.floats(1, 5000)


def naive(memory, known, bandwidth_bps, limit_ms):
    """A line a sentence."""
    page = memory.page_size_bytes
    size = memory.normal_pages * (page + 8) + memory.zero_pages * 8
    first_s = size / bandwidth_bps
    longest_s = first_s + max(3600, 60 * first_s)
    total_s, count = 0.0, 0
    while True:
        duration_s = size / bandwidth_bps
        total_s += duration_s
        count += 1
        if duration_s * 1e3 <= limit_ms:
            return total_s, duration_s * 1e3, count
        if total_s > longest_s:
            return None
        if count > 2000:
            reject()
        size = curve.dirty_bytes(known, duration_s) / page * (page + 8)


def test_the_documented_example():
    found = passes.predict(GUEST, rate(10e6), 50e6, 300)
    assert found.converges
    assert found.passes == 4
    assert found.total_s == pytest.approx(20.16, abs=0.01)
    assert found.downtime_ms == pytest.approx(130, abs=0.1)


def test_first_pass_counts_headers_and_zero_pages():
    memory = GuestMemory(10, 5, 4096)
    assert passes.first_bytes(memory) == 10 * 4104 + 5 * 8
    found = passes.predict(memory, None, 1e6, 1e6)
    assert found.sent_bytes == pytest.approx(41080)
    assert found.passes == 1
    assert found.why == passes.IDLE


def test_next_passes_have_headers_too():
    known = DirtyCurve((CurvePoint(1.0, 4096.0),), 1e9)
    memory = GuestMemory(1000, 0)
    found = passes.predict(memory, known, 1000 * 4104.0, 500)
    assert found.passes == 2
    assert found.sent_bytes == pytest.approx(1000 * 4104 + 4104)


@given(curves(), links, limits)
def test_as_written_down_naively(known, link, limit):
    found = passes.predict(GUEST, known, link, limit)
    wanted = naive(GUEST, known, link, limit)
    if wanted is None:
        assert not found.converges
        assert found.total_s is None and found.downtime_ms is None
    else:
        assert found.converges
        assert found.total_s == pytest.approx(wanted[0], rel=1e-6)
        assert found.downtime_ms == pytest.approx(wanted[1], rel=1e-6)
        assert found.passes == wanted[2]


@given(st.floats(0.9, 0.996), limits)
def test_slow_convergence_is_gone_over_exactly(share, limit):
    known = rate(share * 50e6)
    found = passes.predict(GUEST, known, 50e6, limit)
    wanted = naive(GUEST, known, 50e6, limit)
    assume(wanted is not None)
    assert found.total_s == pytest.approx(wanted[0], rel=1e-6)
    assert found.passes == wanted[2]


def test_thousands_of_passes_take_no_time():
    known = rate(0.9997 * 1e9 / passes.wire(GUEST))
    start = time.process_time()
    found = passes.predict(GUEST, known, 1e9, 1)
    assert time.process_time() - start < 0.05
    assert found.converges
    assert found.passes > 20_000


def test_passes_that_hardly_shrink_take_too_long():
    known = rate(0.99999 * 1e6 / passes.wire(GUEST))
    found = passes.predict(GUEST, known, 1e6, 1)
    assert not found.converges
    assert found.why == passes.NO_TIME


@pytest.mark.parametrize(
    ("tib", "mbps", "hours"),
    [(6, 10_000, 1.47), (0.5, 1000, 1.22), (64, 10_000, 15.6)],
)
@pytest.mark.parametrize("model", [passes, qemu])
def test_a_long_first_pass_says_nothing_of_the_others(tib, mbps, hours, model):
    memory = GuestMemory(tib * 2**40 / 4096, 0)
    idle = model.predict(memory, None, mbps * 125_000, 400)
    assert idle.converges
    assert idle.total_s == pytest.approx(hours * 3600, rel=0.01)
    light = rate(0.2 * mbps * 125_000, memory)
    assert model.predict(memory, light, mbps * 125_000, 400).converges
    heavy = rate(1.2 * mbps * 125_000, memory)
    never = model.predict(memory, heavy, mbps * 125_000, 400)
    assert never.why == passes.NO_SHRINK


def test_the_curve_sees_what_a_constant_rate_does_not():
    """A small working set that is written all the time never fits, though
    the rate over a minute is far below the link."""
    hot = DirtyCurve(
        (CurvePoint(1, 100 * MIB), CurvePoint(60, 120 * MIB)),
        GUEST.normal_bytes,
    )
    found = passes.predict(GUEST, hot, 50 * MIB, 300)
    assert not found.converges
    assert found.why == passes.NO_SHRINK
    assert found.floor_bytes > 300e-3 * 50 * MIB


def test_a_guest_without_memory_is_nothing_to_send():
    found = passes.predict(GuestMemory(0, 0), None, 1e6, 0)
    assert found.converges and found.total_s == 0


@given(curves(), links, links, limits)
def test_more_bandwidth_never_takes_longer(known, one, other, limit):
    slow, fast = sorted((one, other))
    on_slow = passes.predict(GUEST, known, slow, limit)
    assume(on_slow.converges)
    on_fast = passes.predict(GUEST, known, fast, limit)
    assert on_fast.converges
    assert on_fast.total_s <= on_slow.total_s * (1 + 1e-6)


@given(curves(), st.floats(1, 3), links, limits)
def test_more_dirt_never_takes_less(known, times, link, limit):
    worse = DirtyCurve(
        tuple(
            CurvePoint(p.period_s, p.dirty_bytes * times) for p in known.points
        ),
        known.ceiling_bytes,
    )
    # times can lift the line below the first point only if it starts at 0
    at = [curve.dirty_bytes(worse, t) for t in (0.001, 0.01, 0.1, 1, 100)]
    before = [curve.dirty_bytes(known, t) for t in (0.001, 0.01, 0.1, 1, 100)]
    assert all(b <= a + 1e-6 for a, b in zip(at, before, strict=True))
    on_worse = passes.predict(GUEST, worse, link, limit)
    assume(on_worse.converges)
    on_known = passes.predict(GUEST, known, link, limit)
    assert on_known.converges
    assert on_known.total_s <= on_worse.total_s * (1 + 1e-6)


@given(curves(), links, limits, limits)
def test_a_longer_limit_never_takes_longer(known, link, one, other):
    short, long = sorted((one, other))
    tight = passes.predict(GUEST, known, link, short)
    assume(tight.converges)
    loose = passes.predict(GUEST, known, link, long)
    assert loose.converges
    assert loose.total_s <= tight.total_s * (1 + 1e-6)
    assert loose.downtime_ms >= tight.downtime_ms * (1 - 1e-6)


@given(curves(), st.floats(0.1, 10), links, limits)
def test_twice_the_memory_on_twice_the_link_is_the_same(
    known, times, link, limit
):
    memory = GuestMemory(GUEST.normal_pages * times, GUEST.zero_pages * times)
    scaled = DirtyCurve(
        tuple(
            CurvePoint(p.period_s, p.dirty_bytes * times) for p in known.points
        ),
        known.ceiling_bytes * times,
    )
    one = passes.predict(GUEST, known, link, limit)
    other = passes.predict(memory, scaled, link * times, limit)
    # a pass that takes exactly the limit may fall to either side
    assume(one.converges == other.converges and one.passes == other.passes)
    if one.converges:
        assert other.total_s == pytest.approx(one.total_s, rel=1e-6)
        assert other.sent_bytes == pytest.approx(
            one.sent_bytes * times, rel=1e-6
        )


@given(curves(), links, limits)
def test_bounds(known, link, limit):
    found = passes.predict(GUEST, known, link, limit)
    assume(found.converges)
    alone_s = passes.first_bytes(GUEST) / link
    assert found.total_s >= alone_s * (1 - 1e-9)
    assert found.downtime_ms <= limit * (1 + 1e-9)
    assert found.total_s <= passes.horizon_s(alone_s) + limit / 1e3
    assert found.sent_bytes == pytest.approx(found.total_s * link)


@given(st.floats(0, 0.79), links, limits)
def test_ceiling_of_akoush(share, link, limit):
    """T <= 5 M / B where no more than 80% of the link is written."""
    found = passes.predict(GUEST, rate(share * link), link, limit)
    alone_s = passes.first_bytes(GUEST) / link
    assert found.converges
    assert found.total_s <= 5 * alone_s
