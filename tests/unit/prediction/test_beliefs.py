"""What observations make of the priors of a stun's line."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.prediction import beliefs
from nova_livemig_gpu.prediction.line import Row
from nova_livemig_gpu.prediction.student import quantile

SIZES_GB = (2.0, 8.0, 32.0)

rows = st.lists(
    st.builds(
        Row,
        st.integers(1, 4),
        st.floats(0, 80),
        st.floats(0, 500),
        st.floats(1, 100),
    ),
    max_size=8,
)


def told(past, gb):
    return quantile(beliefs.expect(past, 1, gb, 1.0), 0.5)


def told_wide(past):
    parts = beliefs.expect(past, 1, 4.0, 1.0)
    return quantile(parts, 0.95) - quantile(parts, 0.05)


def test_nothing_was_seen():
    parts = beliefs.expect([], 1, 4.0, 1.0)
    assert [part.share for part in parts] == pytest.approx(
        [0.72, 0.08, 0.18, 0.02]
    )
    assert {round(part.mean, 9) for part in parts} == {2.8 * 4.72}


@given(rows)
def test_the_belief_is_shared(past):
    parts = beliefs.expect(past, 1, 4.0, 1.0)
    assert sum(part.share for part in parts) == pytest.approx(1, abs=1e-5)
    assert all(part.share >= 0 and part.scale > 0 for part in parts)
    assert all(math.isfinite(part.mean) for part in parts)


@given(rows)
def test_the_order_of_observations_does_not_count(past):
    one, other = (told(each, 4.0) for each in (past, list(reversed(past))))
    assert other == pytest.approx(one, rel=1e-3, abs=1e-3)


@given(
    st.floats(0.0, 3.0),
    st.floats(0.5, 8.0),
    st.lists(st.floats(-0.01, 0.01), min_size=6, max_size=6),
    st.sampled_from(SIZES_GB),
)
def test_a_precise_gpu_is_told_within_a_fifth_after_six(
    constant_s, slope, noise, gb
):
    """Each of three sizes seen twice, to 1%, whatever the constant."""
    past = [
        Row(1, x, (constant_s + slope * x) * (1 + wrong), 1 + (x / 9) ** 2)
        for x, wrong in zip(SIZES_GB * 2, noise, strict=True)
    ]
    real = constant_s + slope * gb
    assert told(past, gb) == pytest.approx(real, rel=0.2)


def test_a_gpu_that_scatters_is_not_taken_for_precise():
    scattered = [
        Row(1, x, 2 * x + wrong, 1.0)
        for x, wrong in ((2, 1), (4, -1), (6, 1), (8, -1), (10, 1))
    ]
    straight = [Row(1, x, 2.0 * x, 1.0) for x in (2, 4, 6, 8, 10)]
    assert told_wide(scattered) > 2.0
    assert told_wide(straight) < 0.5


def test_the_documented_example():
    sizes = [mib * 2**20 * 125 / 1e9 for mib in (16, 64, 256)]
    past = [Row(1, x, 0.813 * x, 1 + (x / 9) ** 2) for x in sizes * 2]
    assert told(past, sizes[0]) == pytest.approx(1.71, abs=0.01)
