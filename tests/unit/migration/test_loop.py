"""The loop and the adaptive law, against a simulated QEMU."""

import pytest

from nova_livemig_gpu.migration.loop import (
    JobRefused,
    SteeringLoop,
    Watcher,
)
from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.model import (
    Budget,
    Goal,
    JobState,
    NotConverging,
    OnTimeout,
    Surroundings,
)
from nova_livemig_gpu.planning.foreknown import foreseen
from nova_livemig_gpu.planning.guestwrites import Sweep
from nova_livemig_gpu.planning.host import Guest, Hosts
from nova_livemig_gpu.planning.qemu import SimulatedClock, SimulatedQemu
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.policies.xen import XenPolicy
from tests import builders
from tests.builders import MIB
from tests.simulated import FakeClock, SimulatedJob


def run(
    around=None, budget=None, job_type=SimulatedJob, watcher=None, **guest
):
    settings = {
        "policy": "adaptive",
        "max_downtime_ms": 300,
        "timeout_s": 1600,
        "on_timeout": OnTimeout.ABORT,
        "postcopy": True,
        "auto_converge": False,
        "bandwidth_mbps": None,
        "goal": Goal.FAST,
        **(budget or {}),
    }
    clock = FakeClock()
    job = job_type(clock, **guest)
    policy = AdaptivePolicy(
        Budget(**settings), around or Surroundings(overhead_ms=100)
    )
    record = Record(None, {})
    end = SteeringLoop(
        job, policy, policy.plan(), record, clock, 0.25, "server", watcher
    ).run()
    return job, end, record, clock


def codes(record):
    return [decision["code"] for decision in record.decisions]


def test_idle_guest_takes_one_pass_and_no_decision():
    job, end, record, clock = run(rate=0)
    assert end.sample.state is JobState.COMPLETED
    assert codes(record) == ["first_limit"]
    assert clock.t < 0.5 + 200 / 47.7 + 0.5


def test_writing_guest_is_switched_at_the_end_of_the_first_pass():
    job, end, record, clock = run()
    assert codes(record) == ["first_limit", "postcopy_is_faster"]
    assert job.iteration == 2
    assert end.postcopy and end.sample.state is JobState.COMPLETED
    assert clock.t == pytest.approx(0.5 + (200 + 128) / 47.7, rel=0.1)
    switch = record.decisions[-1]["t_s"]
    assert switch - end.passes[0].end_s < 0.5


def test_limit_keeps_the_overhead_free():
    job, end, _, _ = run(rate=5)
    assert job.calls[0] == ("limit", 30)
    assert all(value <= 200 for what, value in job.calls if what == "limit")
    assert job.downtime_ms <= 300


def test_forbidden_postcopy_never_happens():
    job, end, record, _ = run(budget={"postcopy": False})
    assert not end.postcopy and end.sample.state is JobState.COMPLETED
    assert "not_converging" not in codes(record)


def test_obstacle_overrides_permission():
    around = Surroundings(overhead_ms=100, no_postcopy="has a vGPU")
    job, end, record, _ = run(around=around)
    assert not end.postcopy
    assert end.sample.state is JobState.COMPLETED


class Told(Watcher):
    """Notes what it is told."""

    def __init__(self):
        self.codes = []
        self.warnings = []

    def switchover_ahead(self, decision):
        self.codes.append(decision.code)

    def warned(self, decision):
        self.warnings.append(decision.code)


def test_hopeless_guest_runs_to_its_deadline_and_that_is_said_early():
    told = Told()
    job, end, record, clock = run(
        budget={"postcopy": False}, rate=90, watcher=told
    )
    assert end.sample.state is JobState.CANCELLED
    assert codes(record)[-1] == "deadline"
    assert 1600 < clock.t < 1602
    (said,) = (d for d in record.decisions if d["action"] == "warn")
    assert said["code"] == "not_converging" and said["t_s"] < 30
    assert told.warnings == ["not_converging"]
    assert "passes left" in record.decisions[-1]["reason"]


def test_hopeless_guest_is_given_up_with_numbers_where_asked_for():
    job, end, record, clock = run(
        budget={"postcopy": False, "not_converging": NotConverging.ABORT},
        rate=90,
    )
    assert end.sample.state is JobState.CANCELLED
    assert codes(record)[-1] == "cannot_converge"
    reason = record.decisions[-1]["reason"]
    assert "MiB" in reason and "max_downtime_ms is 300" in reason
    assert 30 < clock.t < 90


def test_hopeless_guest_with_force_complete_waits_for_its_deadline():
    job, end, record, clock = run(
        budget={
            "postcopy": False,
            "timeout_s": 120,
            "on_timeout": OnTimeout.FORCE_COMPLETE,
        },
        rate=90,
    )
    assert codes(record)[-1] == "deadline"
    assert end.sample.state is JobState.COMPLETED and end.forced
    assert 120 < clock.t < 125


def test_hopeless_guest_that_may_continue_is_never_ended_by_us():
    job, end, record, clock = run(
        budget={
            "postcopy": False,
            "on_timeout": OnTimeout.CONTINUE,
            "timeout_s": 10,
        },
        rate=90,
        quiet_after_s=100,
    )
    assert end.sample.state is JobState.COMPLETED
    assert clock.t < 106


def test_pauses_of_writing_are_waited_for():
    """A burst does not end the migration, however long it is."""
    for quiet_s in (20, 200):
        job, end, record, clock = run(
            budget={"postcopy": False}, rate=90, quiet_after_s=quiet_s
        )
        assert end.sample.state is JobState.COMPLETED
        assert clock.t < quiet_s + 6


def test_refused_postcopy_goes_on_with_precopy():
    job, end, record, _ = run(refuse=("postcopy",))
    assert record.decisions[1]["refused"]
    assert [c for c, _ in job.calls].count("postcopy") == 1
    assert end.sample.state is JobState.COMPLETED and not end.postcopy


def test_deadline_with_refused_postcopy_aborts():
    job, end, record, _ = run(
        budget={"timeout_s": 3, "on_timeout": OnTimeout.POSTCOPY},
        rate=90,
        refuse=("postcopy",),
    )
    assert [c for c, _ in job.calls if c != "limit"] == ["postcopy", "abort"]


def test_gentle_raises_the_limit_once_to_the_floor():
    """60 MiB/s over 8 MiB: passes stop shrinking at 8 MiB, 168 ms."""
    job, end, record, _ = run(
        budget={"postcopy": False, "goal": Goal.GENTLE},
        rate=60,
        working_set=8,
    )
    assert [c for c, v in job.calls] == ["limit", "limit"]
    assert codes(record) == ["first_limit", "floor_reached"]
    assert 168 <= job.calls[1][1] <= 200
    assert job.downtime_ms <= 300


def test_gentle_idle_guest_has_the_small_limit():
    job, end, _, _ = run(budget={"goal": Goal.GENTLE}, rate=1)
    assert job.calls == [("limit", 30)]


def test_near_the_end_of_a_pass_the_loop_looks_more_often():
    _, _, _, clock = run(rate=20, nonzero=205)
    assert min(clock.sleeps) >= 0.05
    assert max(clock.sleeps) <= 0.25
    assert any(s < 0.25 for s in clock.sleeps)


class Stubborn(SimulatedJob):
    """Refuses something a number of times."""

    refusals = 3

    def _told(self, what, value=None):
        self.calls.append((what, value))
        if what in self.refuse and self.refusals > 0:
            self.refusals -= 1
            raise JobRefused(what=what, reason="busy")


def test_a_refused_limit_is_asked_for_again_and_not_believed():
    job, end, record, clock = run(
        job_type=Stubborn, refuse=("limit",), budget={"postcopy": False}
    )
    assert [v for c, v in job.calls][:4] == [30] * 4
    assert end.limit_ms is not None
    assert [bool(d["refused"]) for d in record.decisions][:4] == [
        *[True] * 3,
        False,
    ]


def test_a_refused_abort_is_asked_for_again():
    job, end, record, clock = run(
        job_type=Stubborn,
        refuse=("abort",),
        budget={"postcopy": False, "timeout_s": 20},
        rate=90,
    )
    assert [c for c, _ in job.calls].count("abort") == 4
    assert end.sample.state is JobState.CANCELLED
    assert 30 < clock.t < 45


def test_what_is_refused_for_ever_is_left_to_nova():
    with pytest.raises(JobRefused):
        run(
            refuse=("abort",),
            budget={"postcopy": False, "timeout_s": 5},
            rate=90,
        )


def test_a_server_paused_for_nothing_is_given_up():
    job, end, record, clock = run(
        budget={
            "postcopy": False,
            "timeout_s": 20,
            "on_timeout": OnTimeout.ABORT,
        },
        rate=90,
        link=1.0,
        paused=True,
    )
    assert end.sample.state is JobState.CANCELLED
    assert codes(record)[-1] == "deadline"


def run_xen(**guest):
    """Xen's law: it limits the rate of every pass."""
    clock = FakeClock()
    job = SimulatedJob(clock, **guest)
    policy = XenPolicy(builders.budget(bandwidth_mbps=100), Surroundings(0))
    end = SteeringLoop(
        job, policy, policy.plan(), Record(None, {}), clock, 0.25, "server"
    ).run()
    return job, end


def test_a_policy_can_limit_the_rate():
    job, end = run_xen(rate=20)
    assert end.sample.state is JobState.COMPLETED
    assert ("bandwidth", 12) in job.calls
    assert end.bandwidth_mib_s == 12


def test_a_limit_that_libvirt_never_takes_is_novas_business():
    with pytest.raises(JobRefused):
        run_xen(rate=20, refuse=("bandwidth",))


def test_a_limit_that_is_lowered_is_no_switchover():
    """110 MiB/s over 96 MiB, slowed down to the throttle that is needed."""
    budget = builders.budget(
        max_downtime_ms=500, postcopy=False, auto_converge=True
    )
    guest = Guest(
        256 * MIB, 241 * MIB, Sweep(110 * MIB, 96 * MIB), cpu_share=0.5
    )
    hosts, clock = Hosts(400), SimulatedClock()
    around = foreseen(Surroundings(overhead_ms=100), guest, hosts, 400)
    policy, record = AdaptivePolicy(budget, around), Record(None, {})
    told = Told()
    job = SimulatedQemu(guest, hosts, policy.plan(), clock)
    SteeringLoop(
        job, policy, policy.plan(), record, clock, 0.25, "server", told
    ).run()
    assert job.seen().state is JobState.COMPLETED
    assert "throttled" in codes(record)
    assert "throttled" not in told.codes
