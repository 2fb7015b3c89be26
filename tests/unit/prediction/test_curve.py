"""Laws of the dirty curve."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.exception import InvalidCurve
from nova_livemig_gpu.model import CurvePoint, DirtyCurve
from nova_livemig_gpu.prediction import curve

CEILING = 1000.0

points = st.lists(
    st.builds(CurvePoint, st.floats(0.01, 100), st.floats(0, 2 * CEILING)),
    max_size=8,
)
times = st.floats(0, 10_000)


def test_examples_of_the_documentation():
    assert doctest.testmod(curve).attempted
    assert not doctest.testmod(curve).failed


@given(points, times, times)
def test_never_falls(made_of, one, other):
    made = curve.make(made_of, CEILING)
    low, high = sorted((one, other))
    assert curve.dirty_bytes(made, low) <= curve.dirty_bytes(made, high) + 1e-6


@given(points, times)
def test_between_nothing_and_the_ceiling(made_of, when):
    made = curve.make(made_of, CEILING)
    assert 0 <= curve.dirty_bytes(made, when) <= CEILING


@given(points)
def test_goes_through_its_points(made_of):
    made = curve.make(made_of, CEILING)
    for point in made.points:
        found = curve.dirty_bytes(made, point.period_s)
        assert found == pytest.approx(point.dirty_bytes, abs=1e-6)


@given(points, st.randoms())
def test_order_does_not_matter(made_of, random):
    shuffled = list(made_of)
    random.shuffle(shuffled)
    assert curve.make(made_of, CEILING) == curve.make(shuffled, CEILING)


@given(points)
def test_points_rise_and_never_fall(made_of):
    made = curve.make(made_of, CEILING).points
    periods = [point.period_s for point in made]
    assert periods == sorted(set(periods))
    dirty = [point.dirty_bytes for point in made]
    assert dirty == sorted(dirty)


def test_empty_curve_is_clean():
    assert curve.dirty_bytes(DirtyCurve((), CEILING), 10) == 0


def test_one_point_is_a_constant_rate():
    made = curve.make([CurvePoint(2, 100)], CEILING)
    assert curve.dirty_bytes(made, 1) == 50
    assert curve.dirty_bytes(made, 1e9) == CEILING


def test_below_the_first_point_never_under_zero():
    made = curve.make([CurvePoint(10, 1), CurvePoint(11, 100)], CEILING)
    assert curve.dirty_bytes(made, 1) == 0


@pytest.mark.parametrize(
    ("point", "field"),
    [
        (CurvePoint(0, 1), "period"),
        (CurvePoint(-1, 1), "period"),
        (CurvePoint(float("nan"), 1), "period"),
        (CurvePoint(float("inf"), 1), "period"),
        (CurvePoint(1, -1), "dirty"),
        (CurvePoint(1, float("nan")), "dirty"),
        (CurvePoint(1, float("inf")), "dirty"),
    ],
)
def test_wrong_point_is_named(point, field):
    with pytest.raises(InvalidCurve, match=field):
        curve.make([point], CEILING)


@pytest.mark.parametrize("ceiling", [0, -1, float("nan"), float("inf")])
def test_wrong_ceiling_is_named(ceiling):
    with pytest.raises(InvalidCurve, match="ceiling_bytes"):
        curve.make([], ceiling)
