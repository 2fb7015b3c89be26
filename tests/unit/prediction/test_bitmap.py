"""What waits in QEMU's bitmap after a pass, forwards and backwards."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.model import CurvePoint, DirtyCurve
from nova_livemig_gpu.prediction import bitmap
from nova_livemig_gpu.prediction.curve import dirty_bytes, make

MB = 1e6
#: 24 MB written all over in 0.2 s.
HOT = make([CurvePoint(0.2, 24 * MB), CurvePoint(10.0, 24 * MB)], 256 * MB)


def test_the_documented_example():
    found = bitmap.after(HOT, 24 * MB, 9 * MB, 0.3)
    assert found == pytest.approx(24 * MB)


def test_backwards():
    least, most = bitmap.dirtied(24 * MB, 9 * MB, 24 * MB)
    assert least == pytest.approx(15 * MB)
    assert most == pytest.approx(24 * MB)


def test_an_idle_guest_leaves_what_was_not_sent():
    idle = DirtyCurve((), 256 * MB)
    assert bitmap.after(idle, 30 * MB, 9 * MB, 1.0) == 9 * MB


def test_fresh_pages_are_all_new():
    """A guest that never comes back to a page."""
    sweep = make([CurvePoint(1, 10 * MB), CurvePoint(20, 200 * MB)], 256 * MB)
    found = bitmap.after(sweep, 20 * MB, 5 * MB, 1.0)
    assert found == pytest.approx(15 * MB)


def test_age_between_below_and_above_the_points():
    points = [CurvePoint(1, 10 * MB), CurvePoint(3, 20 * MB)]
    curve = make(points, 40 * MB)
    assert bitmap.age(curve, 15 * MB) == pytest.approx(2.0)
    assert bitmap.age(curve, 6 * MB) == pytest.approx(0.2)
    assert bitmap.age(curve, 1 * MB) == 0.0
    assert bitmap.age(curve, 30 * MB) == pytest.approx(5.0)
    assert bitmap.age(curve, 41 * MB) is None
    assert bitmap.age(HOT, 25 * MB) is None
    assert bitmap.age(DirtyCurve((), 40 * MB), 1.0) is None


def test_age_of_a_constant_rate():
    assert bitmap.age(make([CurvePoint(2, 10 * MB)], 256 * MB), 5 * MB) == 1.0


curves = st.lists(
    st.tuples(st.floats(0.05, 60), st.floats(0, 256 * MB)),
    min_size=1,
    max_size=6,
).map(lambda found: make([CurvePoint(*each) for each in found], 256 * MB))


@given(
    curves,
    st.just(0.0) | st.floats(1, 256 * MB),
    st.floats(0, 1),
    st.floats(0.01, 60),
)
def test_bounds(curve, waiting, share, pass_s):
    """No less than what is unsent or what was dirtied, no more than both."""
    unsent = share * waiting
    dirty = dirty_bytes(curve, pass_s)
    found = bitmap.after(curve, waiting, unsent, pass_s)
    slack = 1e-6 * (waiting + dirty + 1)
    assert found <= unsent + dirty + slack
    assert found >= max(unsent, dirty * (1 - share)) - slack


@given(
    curves, st.floats(1e3, 256 * MB), st.floats(0, 0.9), st.floats(0.01, 60)
)
def test_backwards_holds_what_went_forwards(curve, waiting, share, pass_s):
    unsent = share * waiting
    left = bitmap.after(curve, waiting, unsent, pass_s)
    least, most = bitmap.dirtied(waiting, unsent, left)
    dirty = min(dirty_bytes(curve, pass_s), left)
    slack = 1e-6 * (left + 1)
    assert least - slack <= dirty_bytes(curve, pass_s)
    assert dirty <= max(most, least) + slack or most == pytest.approx(left)
