"""The rate of a migration, in the loop."""

import contextlib
from dataclasses import replace

import pytest

from nova_livemig_gpu.migration.job import JobRefused
from nova_livemig_gpu.migration.loop import SteeringLoop
from nova_livemig_gpu.migration.pace import Pace
from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.migration.sharers import Sharers, Terms
from nova_livemig_gpu.model import BandwidthLaw, JobState, Surroundings
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.policies.need import Load
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.policies.sharing import UNKNOWN, Demand
from tests.builders import MIB, at_pass_end, budget, sample
from tests.simulated import FakeClock, SimulatedJob

C = 40 * MIB
LOAD = Load(None, None, 300, None, False)


class Road:
    """A link with others on it."""

    def __init__(self, stack, capacity=C, reserved=False):
        self.sharers = Sharers()
        self.terms = Terms(capacity, reserved)
        self._stack = stack

    def lane(self, need=0.0, most=None):
        lane = self._stack.enter_context(self.sharers.lane("x"))
        lane.enter(Demand(need, most), self.terms, lambda each: None)
        return lane


@pytest.fixture
def road():
    with contextlib.ExitStack() as stack:
        yield Road(stack)


def pace(lane, **changes):
    return Pace(lane, budget(**changes), LOAD)


def rate(found):
    _, decision = found
    return decision and decision.action.value


def test_alone_it_is_as_nova_has_it(road):
    assert rate(pace(road.lane()).look(Progress())) is None


def test_where_an_even_split_is_enough_it_is_left_to_tcp(road):
    mine = pace(road.lane(need=19 * MIB))
    road.lane(need=19 * MIB)
    assert rate(mine.look(Progress())) is None


def test_a_share_comes_and_goes(road):
    mine = pace(road.lane())
    progress = at_pass_end([100])
    other = road.lane(need=25 * MIB)
    progress, decision = mine.look(progress)
    assert decision.action.value == 15 and decision.code == "share"
    progress = replace(progress, bandwidth_mib_s=15)
    assert rate(mine.look(progress)) is None
    other.changed(Demand(22 * MIB))
    assert rate(mine.look(progress)) == 18
    road.sharers._leave(other)
    assert rate(mine.look(progress)) == 0, "as it was at the start"


def test_a_little_more_is_not_worth_a_word(road):
    road.lane(need=19.5 * MIB)
    mine = pace(road.lane(need=20.5 * MIB))
    assert rate(mine.look(replace(Progress(), bandwidth_mib_s=20))) is None
    assert rate(mine.look(replace(Progress(), bandwidth_mib_s=21))) == 20


def test_the_servers_own_limit_holds(road):
    own = pace(road.lane(most=10.5e6), bandwidth_mbps=84)
    assert rate(own.look(Progress())) is None, "libvirt knows it already"
    other = road.lane(need=25 * MIB)
    assert rate(own.look(Progress())) is None
    other.changed(Demand(32 * MIB))
    assert rate(own.look(Progress())) == 8


def test_a_share_is_never_no_limit(road):
    """0 would be that to libvirt."""
    small = Road(road._stack, capacity=1000)
    mine = pace(small.lane())
    small.lane(need=900)
    assert rate(mine.look(Progress())) == 1


def test_after_the_switch_to_postcopy_nothing_is_said_or_needed(road):
    lane = road.lane(need=30 * MIB)
    road.lane()
    mine = pace(lane)
    assert rate(mine.look(replace(at_pass_end([9]), postcopy=True))) is None
    assert lane.demand.need_bps == 0


def test_a_paused_server_is_not_held_up(road):
    mine = pace(road.lane())
    road.lane(need=25 * MIB)
    paused = replace(Progress(), forced=True, bandwidth_mib_s=20)
    assert rate(mine.look(paused)) == 0


def test_what_passes_show_is_what_it_needs(road):
    lane = road.lane(need=30 * MIB)
    road.lane()
    lane.changed(replace(lane.demand, flows=4))
    pace(lane).look(at_pass_end([300, 60, 12], t_s=60))
    assert 0 < lane.demand.need_bps < 30 * MIB
    assert lane.demand.flows == 4
    pace(lane).look(at_pass_end([900, 900, 900], t_s=60))
    assert lane.demand.need_bps == 0, "it does not end even alone"


def dynamic(lane, **changes):
    return pace(lane, bandwidth_law=BandwidthLaw.DYNAMIC, **changes)


def test_dynamic_rate(road):
    mine = dynamic(road.lane())
    assert rate(mine.look(sampled())) == 5, "50 Mbit/s, whole MiB/s"
    progress, decision = mine.look(at_pass_end([40], t_s=4))
    assert decision.action.value == 15, "10 MiB/s dirtied, and 50 Mbit/s"
    assert progress.ahead_bps == C
    assert progress.coming_bps() == 50 * MIB, "it was faster"
    assert rate(mine.look(at_pass_end([400], t_s=4))) == 40, "the link"
    road.lane(need=10 * MIB)
    road.lane(need=20 * MIB)
    assert rate(mine.look(at_pass_end([400], t_s=4))) == 10, "its share"


def sampled():
    return Progress().advance(sample(1.0))


def test_dynamic_rate_over_an_unknown_link(road):
    mine = dynamic(Road(road._stack, capacity=None).lane())
    assert rate(mine.look(sampled())) == 5
    assert rate(mine.look(at_pass_end([4000], t_s=4))) == 59, "500 Mbit/s"
    mine = dynamic(Road(road._stack, capacity=None).lane(), bandwidth_mbps=168)
    assert rate(mine.look(at_pass_end([4000], t_s=4))) is None, "its own"


def run(own_pace, job_type=SimulatedJob, policy=None, **guest):
    clock = FakeClock()
    job = job_type(clock, **guest)
    law = AdaptivePolicy(policy or budget(), Surroundings(overhead_ms=100))
    record = Record(None, {})
    end = SteeringLoop(
        job, law, law.plan(), record, clock, 0.25, "server", None, own_pace
    ).run()
    return job, end, record, clock


class Elastic(SimulatedJob):
    """Whose limit can be raised again."""

    full: float = 47.7

    def set_bandwidth(self, mib_s):
        self._told("bandwidth", mib_s)
        self.link = min(self.full, mib_s or self.full)


def told(job):
    return [value for what, value in job.calls if what == "bandwidth"]


def test_the_loop_sets_the_share(road):
    lane = road.lane()
    road.lane(need=25 * MIB)
    job, end, record, _ = run(pace(lane), Elastic, rate=5)
    assert told(job)[0] == 15
    assert end.sample.state is JobState.COMPLETED
    assert record.decisions[1]["code"] == "share"


def test_a_dynamic_migration_ends_and_leaves_the_link_free(road):
    """It is not given up, nor switched over, for being slow at first."""
    law = budget(bandwidth_law=BandwidthLaw.DYNAMIC)
    job, end, record, clock = run(
        dynamic(road.lane()), Elastic, law, rate=20, working_set=64
    )
    assert end.sample.state is JobState.COMPLETED
    rates = told(job)
    assert rates[:4] == sorted(rates[:4]) and rates[0] == 5
    assert 20 < max(rates) < 38, "about what is dirtied, and 50 Mbit/s"
    _, _, _, full = run(None, Elastic, rate=20, working_set=64)
    assert clock.t > 2 * full.t


class Broken(Pace):
    """Cannot tell after a while."""

    def look(self, progress):
        if progress.elapsed_s > 2:
            raise ZeroDivisionError
        return super().look(progress)


def test_a_fault_of_ours_lets_the_migration_go_on_as_it_was(road, caplog):
    lane = road.lane()
    road.lane(need=25 * MIB)
    job, end, _, _ = run(Broken(lane, budget(), LOAD), Elastic, rate=5)
    assert told(job) == [15, 0]
    assert end.sample.state is JobState.COMPLETED
    assert "not looked after" in caplog.text
    assert lane.demand is UNKNOWN, "it is sent at TCP's rate now"


class Stubborn(Elastic):
    """Whose limit is set at once, and is not lifted at first."""

    refusals: int = 2

    def set_bandwidth(self, mib_s):
        if not mib_s and self.refusals:
            self.refusals -= 1
            self.calls.append(("bandwidth", mib_s))
            raise JobRefused(what="bandwidth", reason="simulated")
        super().set_bandwidth(mib_s)


def test_a_limit_is_lifted_in_the_end(road):
    """It would not end by it."""
    lane = road.lane()
    road.lane(need=39 * MIB)
    job, end, _, _ = run(Broken(lane, budget(), LOAD), Stubborn, rate=5)
    assert told(job) == [5, 0, 0, 0]
    assert end.bandwidth_mib_s == 0, "it had been limited"
    assert end.sample.state is JobState.COMPLETED


def test_what_libvirt_refuses_is_asked_three_times_and_harms_nothing(
    road, caplog
):
    lane = road.lane()
    road.lane(need=25 * MIB)
    job, end, record, _ = run(
        pace(lane), Elastic, rate=20, nonzero=2000, refuse=("bandwidth",)
    )
    assert told(job) == [15] * 3
    assert end.sample.state is JobState.COMPLETED
    assert [each["code"] for each in record.decisions].count("share") == 3
    assert job.calls[0][0] == "limit", "the policy was not held up"


@pytest.mark.parametrize(("need", "after"), [(5, 5), (15, 40)])
def test_in_the_switchover_a_scarce_link_is_asked_for(road, need, after):
    mine, other = road.lane(need=need * MIB), road.lane(need=need * MIB)
    still = sample(60, 2, 1050, 10, stopped=True)
    progress = replace(at_pass_end([100]), sample=still)
    assert rate(pace(mine).look(progress)) is None
    assert mine.demand.need_bps == after * MIB
    assert (other.share_bps() is None) is (need == after)
    goes_on = replace(progress, sample=sample(61, 3, 1060, 10))
    pace(mine).look(goes_on)
    assert mine.demand.need_bps != C
