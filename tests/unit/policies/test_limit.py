"""The most that the downtime limit may be."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.model import Surroundings
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.policies.limit import lower_shared, shared_ms
from tests import builders
from tests.builders import MIB, at_pass_end

#: 50 MiB/s flow.
NOW = at_pass_end([9.0, 9.0], t_s=20)


@pytest.mark.parametrize(
    ("then_mib_s", "limit_ms"),
    [(None, 200), (60, 200), (50, 200), (25, 100), (0.1, 10)],
)
def test_beside_others_it_is_less(then_mib_s, limit_ms):
    then = then_mib_s and then_mib_s * MIB
    assert shared_ms(200, replace(NOW, stopped_bps=then)) == limit_ms


@pytest.mark.parametrize(
    ("limit_ms", "lower_ms"), [(200, 100), (109, None), (30, None)]
)
def test_a_limit_in_force_is_lowered_with_it(limit_ms, lower_ms):
    given = replace(NOW, limit_ms=limit_ms, stopped_bps=25.0 * MIB)
    decision = lower_shared(200, shared_ms(200, given), given)
    assert (decision and decision.action.value) == lower_ms


def test_the_law_raises_no_further():
    """9 MiB are 180 ms now, and 360 beside the others."""
    law = AdaptivePolicy(builders.budget(), Surroundings(overhead_ms=100))
    alone = replace(NOW, limit_ms=30)
    assert law.decide(alone).action.value == 200
    beside = replace(alone, stopped_bps=25.0 * MIB)
    decision = law.decide(beside)
    assert decision is None or decision.action.value <= 100


@given(
    limit_ms=st.integers(1, 2_000_000),
    then=st.none() | st.floats(0, 1e12),
)
def test_never_above_what_it_was(limit_ms, then):
    found = shared_ms(limit_ms, replace(NOW, stopped_bps=then))
    assert 0 < found <= limit_ms
