"""The law for a server with a device, on migrations in simulated time."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_livemig_gpu.migration.loop import (
    JobRefused,
    SteeringLoop,
    Watcher,
)
from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.model import (
    Goal,
    JobState,
    NotConverging,
    OnTimeout,
    OverBudget,
    Stun,
    Surroundings,
)
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.policies.device import DevicePolicy
from nova_livemig_gpu.policies.device_end import MOST_LIMIT_MS
from tests.builders import MIB, budget
from tests.simulated import FakeClock
from tests.simulated_device import SimulatedDeviceJob


def around(stun_ms=None, framebuffer=None, told=119, **more):
    stun = None
    if stun_ms is not None:
        size = None if framebuffer is None else int(framebuffer * MIB)
        stun = Stun(stun_ms, 2 * stun_ms, size)
    return Surroundings(
        overhead_ms=60,
        no_postcopy="the server has a VFIO device",
        vfio=True,
        stun=stun,
        switchover_mib_s=told,
        **more,
    )


class Run:
    """One simulated migration, steered to its end."""

    def __init__(
        self,
        surroundings,
        settings,
        every_s=0.25,
        job_type=SimulatedDeviceJob,
        **job,
    ):
        self.clock = FakeClock()
        job.setdefault("working_set", 8)
        job.setdefault("rate", 4)
        self.job = job_type(
            self.clock, told=surroundings.switchover_mib_s, **job
        )
        policy = AdaptivePolicy(settings, surroundings)
        self.plan = policy.plan()
        record = Record(None, {})
        self.end = SteeringLoop(
            self.job, policy, self.plan, record, self.clock, every_s, "s"
        ).run()
        self.decisions = record.decisions
        self.record = record.as_dict()

    def first(self, code):
        return next(d for d in self.decisions if d["code"] == code)

    @property
    def codes(self):
        return [each["code"] for each in self.decisions]

    @property
    def limits(self):
        return [v for name, v in self.job.calls if name == "limit"]

    @property
    def completed(self):
        return self.job.state is JobState.COMPLETED


def test_the_plan():
    got = DevicePolicy(
        budget(postcopy=True, auto_converge=True, bandwidth_mbps=400),
        around(channels=4),
    ).plan()
    assert not got.postcopy
    assert got.auto_converge
    assert (got.channels, got.switchover_mib_s) == (4, 119)
    assert (got.bandwidth_mib_s, got.max_downtime_ms) == (48, 10)
    assert got.notes == ("no post-copy: the server has a VFIO device",)


def test_the_plan_says_why_there_is_one_connection():
    got = DevicePolicy(budget(), around(no_channels="QEMU is old")).plan()
    assert got.channels is None
    assert "QEMU is old" in got.notes[0]


@pytest.mark.parametrize(("told", "first"), [(None, 30), (119, 10), (1192, 1)])
def test_the_first_limit_does_not_trust_a_fast_link(told, first):
    assert DevicePolicy(
        budget(), around(told=told)
    ).plan().max_downtime_ms == (first)


def test_adaptive_takes_this_law_for_vfio_only():
    plain = Surroundings(overhead_ms=60)
    assert AdaptivePolicy(budget(), plain).plan().max_downtime_ms == 30
    assert AdaptivePolicy(budget(), around()).plan().max_downtime_ms == 10


def test_a_device_that_is_copied_before_the_stop_needs_no_raise():
    run = Run(
        around(400, 64),
        budget(max_downtime_ms=700),
        device_rate=20,
        fixed=0.1,
    )
    assert run.completed
    assert run.codes == ["first_limit", "measured"]
    assert run.job.downtime_ms < 120


def test_what_stops_by_itself_is_not_raised():
    """A raise that comes with the switchover only delays it."""
    run = Run(
        around(400, 64),
        budget(max_downtime_ms=700),
        rate=1,
        fixed=0.1,
        lasting=True,
    )
    assert run.completed
    assert "floor_reached" not in run.codes
    assert run.job.stopped_with[0] < 0.5


@pytest.mark.parametrize("device_rate", [2, 10, 22])
def test_what_a_device_changes_meanwhile_is_sent_before_the_stop(device_rate):
    """Up to half of what the link carries; 47.7 MiB/s here."""
    run = Run(
        around(5400, 256),
        budget(max_downtime_ms=6000),
        device_rate=device_rate,
        framebuffer=256,
        fixed=0.1,
        rate=1,
        lasting=True,
    )
    assert run.completed
    assert "floor_reached" not in run.codes
    assert run.job.downtime_ms < 60 + 30


def test_qemu_has_half_a_second_with_what_fits():
    run = Run(around(1400, 64), budget(max_downtime_ms=2000), precopy=False)
    raised = run.first("floor_reached")
    samples = run.record["samples"]
    waited = [
        raised["t_s"] - t_s
        for t_s, left in zip(
            samples["t_s"], samples["remaining_bytes"], strict=True
        )
        if left is not None and left <= 0.01 * 119 * MIB
    ]
    assert 0.5 <= max(waited) < 1.1


@pytest.mark.parametrize("told", [None, 48, 119, 1192])
@pytest.mark.parametrize("working_set", [0.3, 0.6, 1.0, 1.4, 1.7, 2.5])
def test_passes_that_go_round_end(told, working_set):
    """A hot set that every pass finds dirty again, however small it is."""
    run = Run(
        around(1400, 64, told=told),
        budget(max_downtime_ms=2500, timeout_s=60),
        rate=60,
        working_set=working_set,
        precopy=False,
    )
    raised = run.first("floor_reached")
    assert raised["t_s"] < 8


@pytest.mark.parametrize("seed", range(4))
def test_memory_that_fits_now_and_then_does_not_keep_the_raise_away(seed):
    dice = random.Random(seed)

    class Bursts(SimulatedDeviceJob):
        """Four of ten looks of QEMU find more than fits."""

        def _dirtied(self, since, until):
            return 1.2 if dice.random() < 0.4 else 0.02

    run = Run(
        around(1400, 64),
        budget(max_downtime_ms=2500, timeout_s=60),
        job_type=Bursts,
        precopy=False,
    )
    raised = run.first("floor_reached")
    assert raised["t_s"] < 8


def test_a_device_is_waited_for_where_qemu_was_told_no_bandwidth():
    """It stops only while enough flows: the raise must not come too late."""
    run = Run(
        around(1400, 64, told=None),
        budget(max_downtime_ms=2500),
        precopy=False,
    )
    assert run.completed


@pytest.mark.parametrize("every_s", [1.0, 1.9, 3.0])
def test_looks_that_are_far_apart_are_enough(every_s):
    run = Run(
        around(1400, 64),
        budget(max_downtime_ms=2000, timeout_s=120),
        every_s=every_s,
        precopy=False,
    )
    raised = run.first("floor_reached")
    assert raised["t_s"] < 10


def test_the_limit_is_raised_once_to_what_is_needed():
    run = Run(around(1400, 64), budget(max_downtime_ms=2000), precopy=False)
    assert run.completed
    assert run.codes == ["first_limit", "measured", "floor_reached"]
    # 1.25 * 64 MiB of framebuffer, counted with 119 MiB/s.
    assert run.limits[-1] == pytest.approx(1.25 * 64 / 119 * 1e3, rel=0.05)
    assert run.job.downtime_ms < 1500


def test_memory_passes_that_gain_are_waited_for():
    """Most of the pause would be memory if the limit had been high."""
    run = Run(
        around(300, 64),
        budget(max_downtime_ms=900),
        working_set=128,
        rate=30,
        device_rate=5,
    )
    assert run.completed
    assert run.job.stopped_with[0] < 10
    assert run.job.downtime_ms < 300


def test_unknown_stun_takes_the_whole_budget_at_the_floor():
    run = Run(around(), budget(max_downtime_ms=2000), precopy=False)
    assert run.completed
    assert "all the budget" in run.decisions[-1]["reason"]
    assert run.limits[-1] == pytest.approx(1940 * 47.7 / 119, rel=0.02)


def test_unknown_bytes_of_old_libvirt():
    run = Run(
        around(),
        budget(max_downtime_ms=900),
        device_rate=5,
        shows_bytes=False,
    )
    assert run.completed
    assert run.job.downtime_ms < 900


#: Given up before its deadline is only what is asked for.
ABORT = {"not_converging": NotConverging.ABORT}


def test_a_budget_that_cannot_be_kept_is_given_up_with_its_numbers():
    run = Run(around(), budget(max_downtime_ms=500, **ABORT), precopy=False)
    assert run.job.state is JobState.CANCELLED
    last = run.decisions[-1]
    assert last["code"] == "cannot_converge"
    assert "max_downtime_ms is 500" in last["reason"]
    assert last["numbers"]["bandwidth_bps"] > 0
    assert run.clock.t < 60


@pytest.mark.parametrize("allowed", [OverBudget.WARN, OverBudget.ALLOW])
def test_over_budget_goes_on_to_what_the_device_needs(allowed):
    run = Run(
        around(),
        budget(max_downtime_ms=500, over_budget=allowed),
        precopy=False,
    )
    assert run.completed
    assert run.codes[-1] == "still_running"
    assert run.job.downtime_ms > 500


LONG_STOP = {
    "framebuffer": 4096,
    "precopy": False,
    "rate": 0,
    "lasting": True,
    "shows_bytes": False,
}


def test_a_stop_that_takes_a_minute_and_a_half_is_left_alone():
    """4 GiB at 47.7 MiB/s; libvirt < 10.6 does not tell of what is sent."""
    wanted = around(85_900, 4096), budget(max_downtime_ms=110_000)
    run = Run(*wanted, **LONG_STOP)
    assert run.completed
    assert run.codes[-1] == "floor_reached"
    assert run.job.downtime_ms > 80_000


def test_where_the_stop_is_not_seen_it_is_taken_to_run():
    wanted = around(85_900, 4096), budget(max_downtime_ms=110_000, **ABORT)
    run = Run(*wanted, **LONG_STOP, shows_stop=False)
    assert run.job.state is JobState.CANCELLED
    assert run.codes[-1] == "cannot_converge"


def test_a_device_faster_than_the_link_is_cut():
    run = Run(
        around(300, 64), budget(max_downtime_ms=500, **ABORT), device_rate=60
    )
    assert run.job.state is JobState.CANCELLED
    assert "device state goes at 47.7 MiB/s" in run.decisions[-1]["reason"]
    assert run.clock.t < 60


def test_a_device_faster_than_the_link_may_go_over():
    run = Run(
        around(300, 64),
        budget(max_downtime_ms=500, over_budget=OverBudget.ALLOW),
        device_rate=60,
    )
    assert run.completed
    assert run.codes[-1] == "device_counts_more"


def test_the_deadline_lets_qemu_stop_as_it_is():
    run = Run(
        around(),
        budget(
            max_downtime_ms=500,
            on_timeout=OnTimeout.FORCE_COMPLETE,
            timeout_s=60,
        ),
        precopy=False,
    )
    assert run.completed
    assert run.limits[-1] == MOST_LIMIT_MS
    assert run.codes[-1] == "deadline_limit"
    assert run.clock.t < 62


def test_a_limit_that_is_always_refused_does_not_keep_the_pause_away():
    """In the end Nova's monitor is asked to do better."""
    clock = FakeClock()
    job = SimulatedDeviceJob(clock, precopy=False, refuse=("limit",))
    settled = budget(
        max_downtime_ms=500, on_timeout=OnTimeout.FORCE_COMPLETE, timeout_s=20
    )
    policy = AdaptivePolicy(settled, around())
    loop = SteeringLoop(
        job, policy, policy.plan(), Record(None, {}), clock, 0.25, "s"
    )
    with pytest.raises(JobRefused):
        loop.run()
    assert ("force", None) in job.calls
    assert ("postcopy", None) not in job.calls


def test_force_complete_without_a_timeout():
    run = Run(
        around(),
        budget(
            max_downtime_ms=500, on_timeout=OnTimeout.FORCE_COMPLETE, **ABORT
        ),
        precopy=False,
    )
    assert run.completed
    assert run.codes[-1] == "cannot_converge"


def test_continue_ends_after_an_hour():
    run = Run(
        around(300, 64),
        budget(max_downtime_ms=500, on_timeout=OnTimeout.CONTINUE, **ABORT),
        device_rate=60,
    )
    assert run.job.state is JobState.CANCELLED
    assert 3600 < run.clock.t < 3700


def test_abort_at_the_deadline():
    run = Run(
        around(300, 64),
        budget(max_downtime_ms=500, timeout_s=20),
        device_rate=60,
    )
    assert run.codes[-1] == "deadline"
    assert run.job.state is JobState.CANCELLED


def test_half_of_the_time_is_waited_for_memory():
    run = Run(
        around(300, 64),
        budget(max_downtime_ms=900, timeout_s=12),
        working_set=128,
        rate=30,
        device_rate=5,
    )
    raised = run.first("floor_reached")
    assert "half of timeout_s" in raised["reason"]
    assert raised["t_s"] < 7


def test_a_paused_server_gets_the_most_that_qemu_takes():
    """Somebody forced it: QEMU counts the device of a paused guest, too."""

    class Forced(SimulatedDeviceJob):
        def attend(self, progress):
            if self._t > 6 and not self.paused:
                self.force_complete()
            return super().attend(progress)

    clock = FakeClock()
    job = Forced(clock, working_set=8, rate=4, precopy=False)
    policy = AdaptivePolicy(budget(max_downtime_ms=100), around())
    record = Record(None, {})
    SteeringLoop(job, policy, policy.plan(), record, clock, 0.25, "s").run()
    assert job.state is JobState.COMPLETED
    assert record.decisions[-1]["code"] == "paused"


cases = st.fixed_dictionaries(
    {
        "framebuffer": st.integers(1, 128),
        "device_rate": st.integers(0, 60),
        "precopy": st.booleans(),
        "fixed": st.sampled_from([0, 1, 8]),
        "rate": st.integers(0, 60),
        "working_set": st.integers(1, 160),
        "shows_bytes": st.booleans(),
    }
)
stuns = st.none() | st.integers(10, 3000)


@settings(max_examples=25, deadline=None)
@given(cases, stuns, st.integers(100, 3000), st.sampled_from([None, 10, 119]))
def test_the_budget_holds_whatever_was_predicted(job, stun, most, told):
    """With over_budget refuse: it ends, within its budget or not at all."""
    run = Run(
        around(stun, 64 if stun else None, told=told),
        budget(max_downtime_ms=most, timeout_s=60),
        **job,
    )
    assert run.job.state in (JobState.COMPLETED, JobState.CANCELLED)
    assert run.clock.t < 70
    assert "postcopy" not in [name for name, _ in run.job.calls]
    if run.completed:
        # A pass of 10 ms and the rounding of the limit.
        assert run.job.downtime_ms <= max(most, most / 2 + 60) * 1.05 + 20


def test_a_device_that_streams_for_ever_is_not_waited_for_twice():
    """Its size is unknown: the wait for its first copy ends once."""
    run = Run(
        around(None, None),
        budget(
            max_downtime_ms=200,
            timeout_s=60,
            over_budget=OverBudget.ALLOW,
        ),
        framebuffer=2,
        device_rate=43,
        fixed=8,
        rate=1,
        working_set=2,
    )
    assert run.completed
    assert 30 < run.clock.t < 45


def test_a_size_hardly_above_what_was_not_enough_is_doubled():
    """64 MiB of framebuffer are known, 79 allowed, 80 counted by QEMU."""
    run = Run(
        around(1326, 64),
        budget(max_downtime_ms=200, over_budget=OverBudget.ALLOW),
        framebuffer=72,
        device_rate=0,
        precopy=False,
        fixed=8,
        rate=0,
        working_set=1,
        shows_bytes=False,
    )
    assert run.completed
    assert run.codes[-1] == "still_running"


def test_what_hooks_take_is_no_time_for_qemu():
    clock = FakeClock()

    class Slow(Watcher):
        def switchover_ahead(self, decision):
            clock.sleep(4)

    job = SimulatedDeviceJob(clock, precopy=False, working_set=8, rate=4)
    settled = budget(max_downtime_ms=500, over_budget=OverBudget.ALLOW)
    policy = AdaptivePolicy(settled, around())
    record = Record(None, {})
    SteeringLoop(
        job, policy, policy.plan(), record, clock, 0.25, "s", Slow()
    ).run()
    (raised,) = (d for d in record.decisions if d["code"] == "floor_reached")
    after = next(d for d in record.decisions if d["t_s"] > raised["t_s"])
    assert after["t_s"] >= raised["t_s"] + 4 + 3


@settings(max_examples=15, deadline=None)
@given(cases, stuns, st.sampled_from(list(OnTimeout)))
def test_with_allow_it_always_completes(job, stun, on_timeout):
    """Where its memory fits into its part: what exceeds is the device's."""
    job = {**job, "working_set": min(job["working_set"], 6)}
    run = Run(
        around(stun, 64 if stun else None),
        budget(
            max_downtime_ms=200,
            timeout_s=60,
            on_timeout=on_timeout,
            over_budget=OverBudget.ALLOW,
            goal=Goal.GENTLE,
        ),
        **job,
    )
    assert run.completed


@settings(max_examples=15, deadline=None)
@given(cases, stuns)
def test_every_raise_has_a_reason_and_rises(job, stun):
    run = Run(
        around(stun, 64 if stun else None),
        budget(
            max_downtime_ms=1000, over_budget=OverBudget.WARN, timeout_s=120
        ),
        **job,
    )
    raised = []
    for each in run.decisions:
        if each["code"] == "memory_grew":
            raised = []
        elif each["code"] not in ("first_limit", "measured") and each["value"]:
            raised.append(each["value"])
        assert raised == sorted(raised)
    assert all(d["reason"] for d in run.decisions)
    assert all(0 < value <= MOST_LIMIT_MS for value in run.limits)


@pytest.mark.parametrize("over", list(OverBudget))
@pytest.mark.parametrize("told", [None, 48, 119])
def test_memory_never_breaks_the_budget(over, told):
    """160 MiB are dirty after each pass, 3.4 s: it is said, once, and it
    goes on to its deadline."""
    run = Run(
        around(300, 64, told=told),
        budget(max_downtime_ms=500, over_budget=over, timeout_s=90),
        rate=60,
        working_set=160,
    )
    assert run.job.state is JobState.CANCELLED
    assert run.codes[-1] == "deadline"
    said = [d for d in run.decisions if d["code"] == "not_converging"]
    assert len(said) == 1
    assert said[0]["action"] == "warn"
    assert said[0]["t_s"] < 40
    assert "only device state may exceed it" in said[0]["reason"]
    assert max(run.limits) <= 500


def test_it_ends_soon_after_its_memory_does():
    run = Run(
        around(300, 64),
        budget(max_downtime_ms=500, timeout_s=600),
        rate=60,
        working_set=160,
        quiet_after_s=100,
    )
    assert run.completed
    assert run.clock.t < 115
    assert run.job.downtime_ms < 500


def test_memory_that_is_given_up_when_asked_for():
    run = Run(
        around(300, 64),
        budget(max_downtime_ms=500, timeout_s=600, **ABORT),
        rate=60,
        working_set=160,
    )
    assert run.job.state is JobState.CANCELLED
    assert run.codes[-1] == "cannot_converge"
    assert run.clock.t < 60


def test_a_limit_that_was_raised_for_a_device_is_taken_back():
    """A load that begins after the raise, while the device still streams."""

    class Later(SimulatedDeviceJob):
        def _dirtied(self, since, until):
            return 0.1 if until < 20 else min(60 * (until - since), 160)

    run = Run(
        around(2000, 64),
        budget(
            max_downtime_ms=500, over_budget=OverBudget.ALLOW, timeout_s=60
        ),
        job_type=Later,
        device_rate=60,
        framebuffer=200,
        fixed=30,
        rate=60,
        working_set=160,
    )
    assert run.completed or run.codes[-1] == "deadline"
    if run.completed:
        memory_mib, _ = run.job.stopped_with
        assert memory_mib / run.job.link * 1e3 <= 500


def test_without_a_deadline_nothing_is_given_up():
    """As Nova: an hour is cut here."""

    class Hour(SimulatedDeviceJob):
        def sample(self, t_s):
            if t_s > 3700:
                self.abort()
            return super().sample(t_s)

    run = Run(
        around(),
        budget(max_downtime_ms=500),
        job_type=Hour,
        precopy=False,
    )
    assert run.clock.t > 3700
    assert run.codes[-1] == "not_converging"
