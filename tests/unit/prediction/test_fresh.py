"""When the dirty rate need not be measured."""

from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.prediction import fresh
from nova_livemig_gpu.prediction.merge import Observed


def points(*periods_s, age_s=240.0):
    return [Observed(p, 1e6, age_s=age_s, source="history") for p in periods_s]


def test_the_example():
    assert fresh.enough(points(9.8, 10.0, 1.1, 0.2), 600)


def test_too_few():
    assert not fresh.enough([], 600)
    assert not fresh.enough(points(10.0, 1.1), 600)
    # all of one period are one point
    assert not fresh.enough(points(10.0, 10.1, 10.2, 10.3), 600)


def test_too_old():
    assert not fresh.enough(points(10.0, 1.1, 0.2, age_s=601), 600)
    mixed = points(10.0, 1.1, age_s=10) + points(0.2, age_s=601)
    assert not fresh.enough(mixed, 600)


def test_never():
    assert not fresh.enough(points(10.0, 1.1, 0.2, age_s=0), 0)


def test_nonsense_is_no_point():
    nan = float("nan")
    assert not fresh.enough(points(nan, 0.0, -1.0, 1.0), 600)
    assert not fresh.enough(points(10.0, 1.1, 0.2, age_s=nan), 600)
    assert not fresh.enough(points(10.0, 1.1, 0.2), nan)


@given(
    st.lists(st.tuples(st.floats(1e-3, 1e3), st.floats(0, 1e5)), max_size=8),
    st.floats(0, 1e5),
    st.floats(0, 1e5),
)
def test_more_is_fresh_for_longer(seen, one_s, other_s):
    past = [Observed(p, 1.0, age_s=age) for p, age in seen]
    short, long = sorted((one_s, other_s))
    if fresh.enough(past, short):
        assert fresh.enough(past, long)
        assert fresh.enough([*past, Observed(1.0, 1.0)], short)
