"""A switch to post-copy inside the first pass: when, and what it costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.model import CurvePoint, DirtyCurve, GuestMemory
from nova_livemig_gpu.prediction import curve, early, passes
from tests.builders import MIB

PAGE = 4096


def memory(normal_mib, zero_mib=0):
    return GuestMemory(normal_mib * MIB / PAGE, zero_mib * MIB / PAGE, PAGE)


def sweep(rate_mib, set_mib, ceiling_mib=240):
    """A guest that writes its set from end to end."""
    full_s = set_mib / rate_mib
    return DirtyCurve(
        (
            CurvePoint(full_s, set_mib * MIB),
            CurvePoint(2 * full_s, set_mib * MIB),
        ),
        ceiling_mib * MIB,
    )


def test_the_documented_example():
    guest = memory(240)
    whole = early.precopy(guest, _linear(23, 96), 45 * MIB, 200)
    assert whole.total_s == pytest.approx(9.5, abs=0.5)
    again = early.again_bytes(_linear(23, 96), 2.9, 2.9 / 5.3)
    assert again == pytest.approx(36 * MIB, rel=0.03)
    total_s = early.total_s(guest, 45 * MIB)
    assert total_s == pytest.approx(5.9, abs=0.05)
    assert early.pays(whole, total_s)


def _linear(rate_mib, set_mib):
    full_s = set_mib / rate_mib
    points = [
        CurvePoint(full_s * n / 4, set_mib * MIB * n / 4) for n in range(1, 5)
    ]
    points.append(CurvePoint(2 * full_s, set_mib * MIB))
    return DirtyCurve(tuple(points), 240.0 * MIB)


def test_a_quiet_guest_is_never_switched_early():
    assert not early.comes(memory(240), _linear(1, 16), 45 * MIB)
    assert early.comes(memory(240), _linear(23, 96), 45 * MIB)


def test_what_saves_little_does_not_pay():
    guest = memory(240)
    slow = early.precopy(guest, _linear(3, 64), 45 * MIB, 200)
    assert slow.converges
    assert not early.pays(slow, early.total_s(guest, 45 * MIB))


@given(
    normal=st.floats(1, 1e5),
    zero=st.floats(0, 1e5),
    rate=st.floats(0.1, 1e4),
    dirty=st.lists(st.floats(0, 1e5), min_size=1, max_size=6),
    limit_ms=st.floats(1, 1e4),
)
def test_a_switch_that_pays_saves_a_fifth(normal, zero, rate, dirty, limit_ms):
    guest = memory(normal, zero)
    known = curve.make(
        (CurvePoint(1.0 + n, each * MIB) for n, each in enumerate(dirty)),
        max(normal * MIB, PAGE),
    )
    bps = rate * MIB
    whole = early.precopy(guest, known, bps, limit_ms)
    total_s = early.total_s(guest, bps)
    first_s = passes.first_bytes(guest) / bps
    assert first_s <= total_s <= first_s * 1.1 + 1e-9
    if early.pays(whole, total_s) and whole.total_s is not None:
        assert total_s <= 0.8 * whole.total_s
        assert whole.total_s - total_s >= 0.5


@given(
    rates=st.lists(st.floats(0, 1e5), min_size=1, max_size=6),
    t_s=st.tuples(st.floats(0, 100), st.floats(0, 100)),
    share=st.tuples(st.floats(-1, 2), st.floats(-1, 2)),
)
def test_waiting_never_costs_less(rates, t_s, share):
    """So the first moment past the mark is the moment."""
    known = curve.make(
        (CurvePoint(1.0 + n, each) for n, each in enumerate(rates)), 1e6
    )
    sooner = early.again_bytes(known, min(t_s), min(share))
    later = early.again_bytes(known, max(t_s), max(share))
    assert 0 <= sooner <= later <= 1e6
