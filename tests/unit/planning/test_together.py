"""Simulated migrations that share a link."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_livemig_gpu.migration.sharers import Terms
from nova_livemig_gpu.planning.guestwrites import Sweep
from nova_livemig_gpu.planning.host import Guest, Hosts
from nova_livemig_gpu.planning.meeting import Meeting
from nova_livemig_gpu.planning.simulator import Scenario
from nova_livemig_gpu.planning.simulator import simulate as alone
from nova_livemig_gpu.planning.together import Departure, simulate
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.policies.sharing import capacity_bps
from tests.builders import MIB, budget

LINK_MBPS = 400
SHARED = Terms(capacity_bps(LINK_MBPS, 0), wait_s=1800)


def scenario(mib_s, mib=96, **changes):
    return Scenario(
        Guest(256 * MIB, 240 * MIB, Sweep(mib_s * MIB, mib * MIB)),
        Hosts(LINK_MBPS),
        budget(timeout_s=200, **changes),
    )


def run(terms, *scenarios):
    return simulate(
        [
            Departure(AdaptivePolicy, each, 2.0 * number)
            for number, each in enumerate(scenarios)
        ],
        terms,
    )


def completed(found):
    return [each.result.completed for each in found]


def totals(found):
    return [each.result.seen.total_s for each in found]


def test_who_is_alone_is_as_ever():
    each = scenario(20)
    (with_terms,), (without,) = run(SHARED, each), run(None, each)
    assert with_terms == without
    assert with_terms.result == alone(AdaptivePolicy, each)


def test_together_one_diverges_and_one_after_the_other_both_end():
    pair = scenario(30), scenario(30)
    assert completed(run(None, *pair)) == [False, False], "at timeout_s"
    found = run(SHARED, *pair)
    assert completed(found) == [True, True]
    assert [each.waited_s > 0 for each in found] == [False, True]
    assert sum(totals(found)) < 25


def test_three_in_a_row():
    three = [scenario(20)] * 3
    found = run(SHARED, *three)
    assert all(completed(found))
    last = found[-1]
    assert last.waited_s + last.result.seen.total_s < 30
    assert not all(completed(run(None, *three)))


def test_who_may_use_postcopy_does_not_wait():
    found = run(SHARED, scenario(20), scenario(20, postcopy=True))
    assert completed(found) == [True, True]
    assert found[1].waited_s == 0


def test_nobody_waits_for_one_that_never_ends():
    found = run(SHARED, scenario(100), scenario(20))
    assert [each.waited_s for each in found] == [0, 0]
    assert completed(found) == [False, True]
    hindered = run(None, scenario(100), scenario(20))
    assert totals(found)[1] < 0.8 * totals(hindered)[1]


def test_light_ones_go_side_by_side_as_without():
    three = [scenario(5)] * 3
    assert run(SHARED, *three) == run(None, *three)


def test_a_reserve_is_kept():
    """Half of the link is tenants'."""
    half = Terms(capacity_bps(LINK_MBPS, 50), reserved=True, wait_s=1800)
    (found,) = run(half, scenario(5))
    (free,) = run(SHARED, scenario(5))
    assert found.result.completed
    assert totals([found])[0] > 1.8 * totals([free])[0]
    assert "share" in found.result.codes


@settings(max_examples=15, deadline=None)
@given(
    rates=st.lists(st.floats(1, 36), min_size=2, max_size=3),
    reach=st.integers(16, 128),
)
def test_who_ends_alone_ends_beside_others(rates, reach):
    """The law: sharing a link makes nobody diverge."""
    scenarios = [scenario(rate, reach) for rate in rates]
    ends = [alone(AdaptivePolicy, each).completed for each in scenarios]
    found = run(SHARED, *scenarios)
    for own, shared in zip(ends, completed(found), strict=True):
        assert shared or not own


def test_a_fault_of_one_is_raised():
    def fails(clock):
        clock.sleep(1)
        raise ZeroDivisionError

    def sleeps(clock):
        for _ in range(3):
            clock.sleep(1)

    meeting = Meeting()
    with pytest.raises(ZeroDivisionError):
        meeting.run([sleeps, fails])
    assert meeting.now_s == 3
