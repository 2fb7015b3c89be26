"""Laws of merging curves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.exception import InvalidCurve
from nova_livemig_gpu.prediction import curve
from nova_livemig_gpu.prediction.merge import Observed, merge, sampled

MB = 1e6
CEILING = 4000 * MB
PERIODS = (0.25, 1.0, 4.0, 16.0)


def point(period_s, mb, sigma_mb=None, age_s=0.0, source="measured"):
    variance = None if sigma_mb is None else (sigma_mb * MB) ** 2
    return Observed(period_s, mb * MB, variance, age_s, source)


def at(found, period_s):
    return curve.dirty_bytes(found, period_s) / MB


def rising(draw, source):
    steps = draw(st.lists(st.floats(0, 900), min_size=4, max_size=4))
    age_s = draw(st.floats(0, 1e5))
    total, points = 0.0, []
    for period_s, step in zip(PERIODS, steps, strict=True):
        total += step
        points.append(point(period_s, total, None, age_s, source))
    return points


@st.composite
def sources(draw):
    names = ("measured", "file", "history", "passes")
    some = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    return [rising(draw, name) for name in some]


def test_nothing_is_no_curve():
    assert merge([], CEILING) is None


def test_the_documented_example():
    found = merge(
        [
            point(1, 100, 10),
            point(1, 200, 60, source="history"),
            point(10, 400, source="history"),
        ],
        CEILING,
    )
    assert at(found, 1) == pytest.approx(102.7, abs=0.1)
    assert at(found, 10) == pytest.approx(400)


def test_several_measurements_of_a_period_average():
    found = merge([point(1, 100, 10), point(1, 200, 10)], CEILING)
    assert at(found, 1) == pytest.approx(150)


def test_the_better_sample_counts_more():
    few = sampled(1.0, 100 * MB, 1000 * MB, 50)
    many = sampled(1.0, 200 * MB, 1000 * MB, 5000)
    assert few.variance_bytes2 > 50 * many.variance_bytes2
    assert 190 < at(merge([few, many], CEILING), 1) < 200


def test_a_sample_that_saw_nothing_is_not_certain():
    none = sampled(1.0, 0.0, 1000 * MB, 100)
    every = sampled(1.0, 1000 * MB, 1000 * MB, 100)
    assert none.variance_bytes2 > 0
    assert every.variance_bytes2 == pytest.approx(none.variance_bytes2)


def test_variance_of_a_binomial():
    n, share, memory = 200, 0.25, 1000 * MB
    found = sampled(1.0, share * memory, memory, n)
    assert found.variance_bytes2 == pytest.approx(
        memory**2 * share * (1 - share) / n
    )


def test_old_points_count_less():
    new, old = point(1, 100, 10), point(1, 200, 10, age_s=1800)
    assert at(merge([new, old], CEILING), 1) == pytest.approx(
        (100 * 8 + 200) / 9
    )


def test_another_phase_is_not_averaged():
    """The guest does something else now: what history says of 1 s goes,
    what it says of 30 s stays, as nothing else does."""
    now = [point(1, 100, 5), point(4, 110, 5)]
    then = [
        point(1, 900, 90, source="history"),
        point(4, 950, 90, source="history"),
        point(30, 1000, 90, source="history"),
    ]
    found = merge([*now, *then], CEILING)
    assert at(found, 1) < 101
    assert at(found, 4) < 112
    assert at(found, 30) == pytest.approx(1000)


def test_noise_does_not_make_it_fall():
    found = merge([point(1, 120, 10), point(2, 100, 10)], CEILING)
    assert at(found, 1) == at(found, 2) == pytest.approx(110)


@pytest.mark.parametrize("period_s", [0, -1, float("nan")])
def test_a_wrong_point_is_named(period_s):
    with pytest.raises(InvalidCurve, match="period"):
        merge([point(1, 1), point(period_s, 1)], CEILING)


@given(sources())
def test_never_outside_of_what_sources_say(given_sources):
    found = merge([p for s in given_sources for p in s], CEILING)
    lows = [min(s[n].dirty_bytes for s in given_sources) for n in range(4)]
    highs = [max(s[n].dirty_bytes for s in given_sources) for n in range(4)]
    for n, period_s in enumerate(PERIODS):
        value = curve.dirty_bytes(found, period_s)
        assert value >= min(lows[n], CEILING) * (1 - 1e-9) - 1e-3
        assert value <= highs[n] * (1 + 1e-9) + 1e-3


@given(sources(), st.randoms())
def test_order_does_not_matter(given_sources, random):
    points = [p for s in given_sources for p in s]
    one = merge(points, CEILING)
    random.shuffle(points)
    other = merge(points, CEILING)
    for period_s in PERIODS:
        assert curve.dirty_bytes(other, period_s) == pytest.approx(
            curve.dirty_bytes(one, period_s), rel=1e-6, abs=1
        )


@given(sources())
def test_never_falls(given_sources):
    found = merge([p for s in given_sources for p in s], CEILING)
    dirty = [p.dirty_bytes for p in found.points]
    assert dirty == sorted(dirty)


@given(sources())
def test_one_source_alone_is_itself(given_sources):
    (first, *_) = given_sources
    found = merge(first, CEILING)
    for each in first:
        assert curve.dirty_bytes(found, each.period_s) == pytest.approx(
            min(each.dirty_bytes, CEILING), abs=1
        )
