"""NSDI'05's rate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.policies.dynamic_rate import first_mbps, next_mbps
from tests.builders import MIB, finished_pass


def test_the_documented_example():
    done = finished_pass(1, 0, 4, 100e6 / MIB)
    assert next_mbps(done, 1000) == pytest.approx(250, abs=0.1)


def test_the_first_pass():
    assert first_mbps(1000) == 50
    assert first_mbps(20) == 20


def test_a_pass_without_duration_tells_nothing():
    assert next_mbps(finished_pass(2, 3, 3, 10), 400) == 400


@given(
    dirtied=st.floats(0, 1e5),
    seconds=st.floats(0.01, 1e4),
    most=st.floats(1, 1e5),
)
def test_faster_than_it_was_dirtied_or_as_fast_as_may_be(
    dirtied, seconds, most
):
    rate = next_mbps(finished_pass(1, 0, seconds, dirtied), most)
    assert 0 < rate <= most
    assert rate == most or rate > dirtied * MIB * 8 / 1e6 / seconds
