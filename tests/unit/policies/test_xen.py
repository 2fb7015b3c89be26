"""Xen's live migration of 2005, round by round."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.model import Surroundings
from nova_livemig_gpu.policies.xen import XenPolicy
from tests.builders import GIB, MIB, at_pass_end, budget, sample
from tests.scripted import run

AROUND = Surroundings(overhead_ms=100)
POLICY = XenPolicy(budget(), AROUND)


def test_the_first_round():
    plan = POLICY.plan()
    assert plan.bandwidth_mib_s == 6, "50 Mbit/s"
    assert plan.max_downtime_ms == 1
    assert not (plan.postcopy or plan.auto_converge)


def test_the_documented_example():
    progress = at_pass_end([100e6 / MIB], t_s=4, limit_ms=1)
    decision = POLICY.decide(progress)
    assert decision.action.value == 30
    assert decision.code == "dynamic_rate"


@given(dirtied=st.floats(1, 4000), seconds=st.floats(0.1, 100))
def test_the_rate_is_that_of_the_last_round_and_50(dirtied, seconds):
    progress = at_pass_end([dirtied], t_s=seconds, limit_ms=1)
    decision = POLICY.decide(progress)
    value = decision.action.value if decision else 6
    mbps = min(dirtied * MIB * 8 / 1e6 / seconds + 50, 500)
    assert value == pytest.approx(mbps * 1e6 / 8 / MIB, abs=0.6)


def test_the_servers_own_maximum_holds():
    policy = XenPolicy(budget(bandwidth_mbps=100), AROUND)
    progress = at_pass_end([500], t_s=4, limit_ms=1)
    assert policy.decide(progress).action.value == 12
    policy = XenPolicy(budget(bandwidth_mbps=20), AROUND)
    assert policy.plan().bandwidth_mib_s == 2


def rounds(dirtied_mib, step_s=4.0):
    """Rounds that take 4 s and leave the same each."""

    def show(t):
        number = 1 + int(t / step_s)
        left = dirtied_mib * (1 - t % step_s / step_s)
        return sample(t, number, dirtied_mib * t / step_s, left)

    return show


def stop(events):
    return [e for e in events if e[1:] == ("limit", 2_000_000)]


def test_thirty_rounds_at_most():
    events, _ = run(POLICY, rounds(1), 200)
    (event,) = stop(events)
    assert 29 * 4 <= event[0] <= 29 * 4 + 1
    assert events[0][1:] == ("limit", 1)
    assert events[-2][1:] == ("bandwidth", 60), "the rest at the maximum"


def test_few_pages_end_it():
    events, _ = run(POLICY, rounds(49 * 4096 / MIB), 200)
    (event,) = stop(events)
    assert 4 <= event[0] <= 5
    events, _ = run(POLICY, rounds(51 * 4096 / MIB), 100)
    assert not stop(events)


def test_three_times_the_memory_ends_it():
    def show(t):
        return sample(
            t, 1 + int(t / 10), GIB / MIB * t / 10, 1024 - 102.4 * (t % 10)
        )

    events, _ = run(POLICY, show, 200)
    (event,) = stop(events)
    assert 40 <= event[0] <= 41, "at 30 s it was three times, not more"
