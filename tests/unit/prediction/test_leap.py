"""Leaps against steps."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nova_livemig_gpu.prediction.leap import leap, limit_s


def steps(first, offset, factor, low, most):
    at, total, count = first, 0.0, 0
    while count < 5000:
        next_at = offset + factor * at
        if next_at <= low or total + next_at > most:
            return count, at, total
        at, total, count = next_at, total + next_at, count + 1
    return None


@given(
    st.floats(1, 100),
    st.floats(0.0, 1.5),
    st.floats(1e-4, 0.5),
    st.floats(0.01, 0.9),
    st.floats(1, 1e5),
)
def test_as_step_by_step(first, factor, drop, low, most):
    offset = first * (1 - drop) - factor * first
    wanted = steps(first, offset, factor, low * first, most)
    assume(wanted is not None)
    count, at, total = wanted
    found = leap(first, offset + factor * first, factor, low * first, most)
    if found is None:
        assert count <= 1
        return
    assert abs(found.passes - count) <= 1
    if found.passes == count:
        assert found.duration_s == pytest.approx(at, rel=1e-6)
        assert found.sum_s == pytest.approx(total, rel=1e-6)


def test_not_even_one():
    assert leap(1.0, 0.5, 0.5, 0.6, 100) is None
    assert leap(1.0, 0.5, 0.5, 0.1, 0.4) is None


def test_what_the_durations_tend_to():
    assert limit_s(1.0, 0.75, 0.5) == pytest.approx(0.5)
    assert limit_s(1.0, 0.9, 1.0) == float("-inf")
