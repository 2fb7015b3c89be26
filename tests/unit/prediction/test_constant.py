import pytest

from nova_livemig_gpu.model import CurvePoint, DirtyCurve, GuestMemory
from nova_livemig_gpu.prediction import constant, passes

MIB = 2**20
GUEST = GuestMemory(262144, 0)
HOT = DirtyCurve(
    (CurvePoint(1, 100 * MIB), CurvePoint(60, 1200 * MIB)), GUEST.normal_bytes
)


def test_rate_of_the_longest_period():
    assert constant.rate_bps(HOT) == 20 * MIB
    assert constant.rate_bps(DirtyCurve((), 1.0)) == 0


def test_it_promises_where_the_curve_knows_better():
    assert constant.predict(GUEST, HOT, 50 * MIB, 300).converges
    assert not passes.predict(GUEST, HOT, 50 * MIB, 300).converges


def test_of_a_constant_rate_both_say_the_same():
    flat = DirtyCurve((CurvePoint(10, 100 * MIB),), GUEST.normal_bytes)
    one = constant.predict(GUEST, flat, 50 * MIB, 300)
    other = passes.predict(GUEST, flat, 50 * MIB, 300)
    assert one.total_s == pytest.approx(other.total_s)


def test_nothing_measured_is_an_idle_guest():
    empty = DirtyCurve((), GUEST.normal_bytes)
    assert constant.predict(GUEST, empty, 50 * MIB, 300).converges
