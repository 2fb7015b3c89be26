"""Student's t against printed tables."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.prediction import student
from nova_livemig_gpu.prediction.student import Part, cdf, quantile


def test_examples_of_the_documentation():
    assert doctest.testmod(student).attempted
    assert not doctest.testmod(student).failed


@pytest.mark.parametrize(
    ("freedom", "t90", "t95"),
    [
        (1, 3.078, 6.314),
        (2, 1.886, 2.920),
        (3, 1.638, 2.353),
        (4, 1.533, 2.132),
        (5, 1.476, 2.015),
        (10, 1.372, 1.812),
        (30, 1.310, 1.697),
        (120, 1.289, 1.658),
        (1000, 1.282, 1.646),
    ],
)
def test_printed_quantiles(freedom, t90, t95):
    standard = [Part(1.0, 0.0, 1.0, freedom)]
    assert quantile(standard, 0.9) == pytest.approx(t90, abs=2e-3)
    assert quantile(standard, 0.95) == pytest.approx(t95, abs=2e-3)
    assert quantile(standard, 0.1) == pytest.approx(-t90, abs=2e-3)


parts = st.lists(
    st.builds(
        Part,
        st.just(0.5),
        st.floats(-100, 100),
        st.floats(0.01, 50),
        st.integers(1, 300),
    ),
    min_size=2,
    max_size=2,
)


@given(parts, st.floats(0.01, 0.99))
def test_quantile_is_the_inverse(mixture, share):
    found = student.mixture_cdf(mixture, quantile(mixture, share))
    assert found == pytest.approx(share, abs=1e-6)


@given(st.floats(-50, 50), st.integers(1, 300))
def test_cdf_is_even(t, freedom):
    assert cdf(t, freedom) + cdf(-t, freedom) == pytest.approx(1)
    assert 0 <= cdf(t, freedom) <= 1


@given(parts, st.floats(-100, 100))
def test_moving_all_moves_the_quantile(mixture, by):
    moved = [Part(p.share, p.mean + by, p.scale, p.freedom) for p in mixture]
    assert quantile(moved, 0.9) == pytest.approx(
        quantile(mixture, 0.9) + by, abs=1e-4
    )
