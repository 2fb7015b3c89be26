"""The least limit that costs no time."""

from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.model import CurvePoint, DirtyCurve, GuestMemory
from nova_livemig_gpu.prediction import curve, least, qemu
from tests.builders import MIB

GUEST = GuestMemory(240 * 256, 16 * 256, 4096)


def test_the_documented_example():
    idle = DirtyCurve((CurvePoint(1.0, 0.0),), 240.0 * MIB)
    assert least.limit_ms(GUEST, idle, 45 * MIB, 200) == 30
    totals = [
        qemu.predict(GUEST, idle, 45 * MIB, limit).total_s
        for limit in (200, 30)
    ]
    assert [round(total, 1) for total in totals] == [5.3, 5.3]


def test_what_never_ends_gets_the_most():
    hot = DirtyCurve((CurvePoint(1.0, 90.0 * MIB),), 240.0 * MIB)
    assert least.limit_ms(GUEST, hot, 45 * MIB, 200) == 200
    assert least.limit_ms(GUEST, hot, 45 * MIB, 20) == 20


def test_limits_rise():
    assert list(least.LIMITS_MS) == sorted(set(least.LIMITS_MS))


@given(
    dirty=st.lists(st.floats(0, 240), min_size=1, max_size=6),
    rate=st.floats(1, 1000),
    most=st.integers(1, 10_000),
)
def test_it_is_never_more_and_never_later(dirty, rate, most):
    known = curve.make(
        (CurvePoint(0.5 + n, each * MIB) for n, each in enumerate(dirty)),
        240.0 * MIB,
    )
    limit = least.limit_ms(GUEST, known, rate * MIB, most)
    assert 0 < limit <= most
    by_most = qemu.predict(GUEST, known, rate * MIB, most).total_s
    by_least = qemu.predict(GUEST, known, rate * MIB, limit).total_s
    if by_most is not None:
        assert by_least is not None and by_least <= 1.02 * by_most
