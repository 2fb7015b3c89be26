"""Bayesian regression against what least squares and algebra say."""

from statistics import linear_regression

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.prediction.line import Line, Row

WEAK = Line(0.0, 1.0, 1e-9, 0.0, 1e-9, 1.0, 1.0)
PRIOR = Line(1.0, 2.0, 0.5, 0.1, 0.7, 1.5, 2.0)

rows = st.lists(
    st.builds(
        Row,
        st.integers(1, 4),
        st.floats(0, 50),
        st.floats(0, 100),
        st.floats(0.5, 30),
    ),
    min_size=1,
    max_size=8,
)


def test_a_weak_prior_gives_least_squares():
    seen = [(1, 9.0), (2, 16.5), (4, 31.4), (8, 61.3), (10, 76.3), (12, 91.2)]
    found = WEAK.learn([Row(1, x, y, 1.0) for x, y in seen])
    slope, intercept = linear_regression(*zip(*seen, strict=True))
    assert found.a == pytest.approx(intercept, abs=1e-6)
    assert found.b == pytest.approx(slope, abs=1e-6)


def test_no_observation_is_the_prior():
    found = PRIOR.learn([])
    assert (found.a, found.b) == pytest.approx((1.0, 2.0))
    assert found.log_evidence == pytest.approx(0)


@given(rows, rows)
def test_one_by_one_or_all_at_once(first, second):
    once = PRIOR.learn([*first, *second])
    twice = PRIOR.learn(first).learn(second)
    assert (twice.a, twice.b) == pytest.approx(
        (once.a, once.b), rel=1e-6, abs=1e-6
    )
    assert twice.alpha == once.alpha
    assert twice.beta == pytest.approx(once.beta, rel=1e-6)
    assert twice.log_evidence == pytest.approx(
        once.log_evidence - PRIOR.learn(first).log_evidence, abs=1e-6
    )


def test_more_of_the_same_is_more_certain():
    seen = [Row(1, x, 1 + 2 * x, 1.0) for x in (1, 2, 3)]
    few, many = PRIOR.learn(seen), PRIOR.learn(seen * 10)
    assert many.expect(1, 2, 1.0)[1] < few.expect(1, 2, 1.0)[1]


def test_further_away_is_less_certain():
    found = PRIOR.learn([Row(1, x, 1 + 2 * x, 1.0) for x in (1, 2, 3)])
    assert found.expect(1, 50, 1.0)[1] > found.expect(1, 2, 1.0)[1]


def test_evidence_is_with_the_prior_that_fits():
    right = Line(1.0, 2.0, 50.0, 0.0, 50.0, 1.0, 1.0)
    wrong = Line(9.0, 5.0, 50.0, 0.0, 50.0, 1.0, 1.0)
    seen = [Row(1, x, 1 + 2 * x, 1.0) for x in (1, 2, 3, 4)]
    assert right.learn(seen).log_evidence > wrong.learn(seen).log_evidence
