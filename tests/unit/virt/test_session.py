"""What a session tells of the end of a migration."""

from collections import deque
from dataclasses import replace
from types import SimpleNamespace

import libvirt
import pytest

from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.migration.sharers import Sharers, Terms
from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Budget,
    Decision,
    Goal,
    JobState,
    OnTimeout,
    Sample,
    Staircase,
    Surroundings,
)
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.policies.sharing import UNKNOWN, Demand
from nova_livemig_gpu.virt import appetite
from nova_livemig_gpu.virt.proxies import ConcludedGuest, PlannedGuest
from nova_livemig_gpu.virt.session import Session
from tests.simulated import FakeClock


def budget(timeout_from):
    return Budget(
        policy="adaptive",
        max_downtime_ms=300,
        timeout_s=1600,
        on_timeout=OnTimeout.ABORT,
        postcopy=True,
        auto_converge=False,
        bandwidth_mbps=None,
        goal=Goal.FAST,
        sources={"timeout_s": timeout_from},
    )


class Error(Exception):
    """Like libvirt's."""

    def __init__(self, code, text):
        super().__init__(text)
        self.get_error_code = lambda: code


class Completed:
    def __init__(self, stats=None):
        self.stats = stats

    def get(self):
        return self.stats


class Job:
    """Ends at once, as told."""

    def __init__(self, state, aborted=False):
        self.state = state
        self.aborted = aborted
        self.speed = []

    def release_speed(self):
        self.speed.append("as started")

    def leave_speed(self):
        self.speed.append("as before")

    def sample(self, t_s):
        if isinstance(self.state, Exception):
            raise self.state
        return Sample(t_s, self.state)


def session(steers=True, stats=None):
    policy = SimpleNamespace(budget=SimpleNamespace(sources={}), steers=False)
    return Session(
        instance=SimpleNamespace(uuid="u"),
        policy=policy,
        plan=SimpleNamespace(postcopy=False, switchover_mib_s=None)
        if steers
        else None,
        record=Record(None, {}),
        completed=Completed(stats),
        poll_s=0.25,
    )


def steer(state, **more):
    own = session()
    guest = object()
    shown = own.steer(lambda _: Job(state, **more), guest, FakeClock())
    return own, guest, shown


def test_a_plan_reaches_the_guest_and_no_plan_leaves_it_alone():
    guest = object()
    assert isinstance(session().planned(guest)._guest, PlannedGuest)
    assert session(steers=False).planned(guest)._guest is guest


@pytest.mark.parametrize("steers", [True, False])
def test_one_that_was_given_up_does_not_begin(steers):
    own = session(steers)
    own.departure.give_up("aborted on request")
    with own.operation():
        own.planned(object()).migrate("dest", flags=0)
    assert own.aborted
    outcome = own.outcome(None)
    assert outcome.state is JobState.CANCELLED
    assert outcome.reason == "aborted on request"


def test_an_abort_before_libvirt_has_a_job_is_kept():
    own = session()
    assert own.departure.go()
    for _ in range(2):
        with own.aborting():
            raise Error(libvirt.VIR_ERR_OPERATION_INVALID, "no job")
        assert own.aborted
    assert own.departure.take_abort()
    assert not own.departure.take_abort(), "once"


@pytest.mark.parametrize(
    ("before", "code"),
    [
        (lambda own: own.departure.take_abort(), "OPERATION_INVALID"),
        (
            lambda own: setattr(own, "operation_error", Error(1, "x")),
            "OPERATION_INVALID",
        ),
        (lambda own: None, "INTERNAL_ERROR"),
    ],
    ids=["it has one", "it has ended", "another error"],
)
def test_an_abort_that_comes_too_late_is_refused(before, code):
    own = session()
    assert own.departure.go()
    before(own)
    with pytest.raises(Error), own.aborting():
        raise Error(getattr(libvirt, f"VIR_ERR_{code}"), "no")
    assert not own.aborted
    assert not own.departure.take_abort()


@pytest.mark.parametrize("state", [JobState.COMPLETED, JobState.FAILED])
def test_novas_monitor_is_shown_the_end(state):
    own, guest, shown = steer(state)
    assert isinstance(shown, ConcludedGuest)
    assert shown._state is state
    assert own.failed is (state is JobState.FAILED)


def test_a_failed_job_that_was_aborted_is_cancelled():
    _, _, shown = steer(JobState.FAILED, aborted=True)
    assert shown._state is JobState.CANCELLED


def test_a_request_to_abort_counts_whatever_libvirt_says():
    own = session()
    with own.aborting():
        pass
    shown = own.steer(lambda _: Job(JobState.FAILED), None, FakeClock())
    assert shown._state is JobState.CANCELLED
    assert own.outcome(None).reason == "aborted on request"


def test_a_refused_abort_does_not_count():
    own = session()
    with pytest.raises(Error), own.aborting():
        raise Error(1, "no job")
    assert not own.aborted


def test_a_fault_of_ours_hands_the_guest_itself_to_nova(caplog):
    own, guest, shown = steer(RuntimeError("broken policy"))
    assert shown._guest is guest
    assert "Nova's own monitor" in caplog.text
    assert "broken policy" in own.record.as_dict()["fell_back"]


@pytest.mark.parametrize(
    ("state", "left"),
    [
        (JobState.COMPLETED, []),
        (JobState.FAILED, ["as before"]),
        (RuntimeError("broken policy"), ["as started"]),
    ],
)
def test_no_rate_of_ours_is_left_behind(state, left):
    own, job = session(), Job(state)
    sharers = Sharers()
    with sharers.lane("u") as lane:
        own.lane = lane
        lane.enter(Demand(1e6), Terms(1e8), lambda each: None)
        own.steer(lambda _: job, object(), FakeClock())
        fell_back = isinstance(state, Exception)
        assert (lane.demand is UNKNOWN) == fell_back
        assert sharers.running() == (("u",) if fell_back else ())
    assert job.speed == left


@pytest.mark.parametrize("posted", [False, True])
def test_what_was_left_to_nova_and_failed_leaves_no_rate_either(posted):
    """libvirt would keep it for the server's next migration."""
    own, job = session(), Job(RuntimeError("broken policy"))
    own.steer(lambda _: job, object(), FakeClock())
    own.posted = posted
    own.recover(None, object())
    assert job.speed == ["as started"] + ["as before"] * (not posted)


def test_without_a_pace_it_is_steered_all_the_same(monkeypatch, caplog):
    monkeypatch.setattr(appetite, "pace", lambda *args: 1 / 0)
    own = session()
    with Sharers().lane("u") as own.lane:
        own.lane.enter(Demand(1e6), Terms(1e8), lambda each: None)
        job = Job(JobState.COMPLETED)
        shown = own.steer(lambda _: job, object(), FakeClock())
        assert own.lane.demand is UNKNOWN
    assert isinstance(shown, ConcludedGuest)
    assert "is not looked after" in caplog.text


def test_a_job_that_cannot_be_made_is_a_fault_of_ours_too():
    own = session()

    def fails(_):
        raise OSError("no")

    guest = object()
    assert own.steer(fails, guest, FakeClock())._guest is guest


def test_operation_error_is_kept_not_raised():
    own = session()
    with own.operation():
        raise Error(1, "refused")
    assert own.outcome(None).state is JobState.FAILED
    assert own.outcome(None).reason == "refused"


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        (
            "x: Failed setting device state to STOP_COPY. Setting device in "
            "recover state STOP: Input/output error",
            True,
        ),
        (
            "x: Failed setting device state to RUNNING_P2P. Recover state is "
            "ERROR. Resetting device: Input/output error",
            True,
        ),
        ("x: Failed setting device state to RESUMING. y", False),
        ("load of migration failed: Input/output error", False),
    ],
)
def test_a_device_that_may_have_lost_its_state_is_told_first(text, lost):
    own = session()
    with own.operation():
        raise Error(1, text)
    reason = own.outcome(None).reason
    assert reason.endswith(text)
    assert ("is lost although the server runs on" in reason) is lost


def test_cancelled_by_client_is_an_abort():
    own = session()
    with own.operation():
        raise Error(libvirt.VIR_ERR_OPERATION_ABORTED, "x")
    assert own.outcome(None).state is JobState.CANCELLED


def test_our_own_abort_gives_its_reason():
    own = session()
    own.record.decided(
        1.0,
        Decision(Action(ActionKind.ABORT), "cannot_converge", "126 MiB"),
    )
    own.aborted = True
    assert own.outcome(None).reason == "126 MiB (cannot_converge)"


def test_completed_with_the_final_statistics():
    own = session(
        stats={
            "type": 3,
            "time_elapsed": 7000,
            "downtime": 210,
            "memory_total": 5,
            "memory_processed": 4,
            "memory_iteration": 3,
        }
    )
    own.noting(lambda *args: None)("context")
    outcome = own.outcome(None)
    assert outcome.state is JobState.COMPLETED
    assert outcome.reason is None
    assert (outcome.total_ms, outcome.downtime_ms) == (7000, 210)
    assert (outcome.sent_bytes, outcome.passes) == (4, 3)


def test_an_error_after_the_server_left_is_reported():
    own = session()
    own.noting(lambda: None)()
    outcome = own.outcome(RuntimeError("post failed"))
    assert outcome.state is JobState.COMPLETED
    assert outcome.reason == "post failed"


def test_a_paused_guest_is_resumed_only_if_it_stayed():
    resumed = []

    class Guest:
        def get_power_state(self, host):
            return 3

        def resume(self):
            resumed.append(True)

    own = session()
    own.on_failure = deque(["unpause"])
    own.posted = True
    own.recover(None, Guest())
    assert not resumed
    own.posted = False
    own.recover(None, Guest())
    own.recover(None, Guest())
    assert resumed == [True]


def test_novas_timeout_is_scaled_only_where_it_is_novas():
    class Policy:
        def __init__(self, budget, around):
            self.budget, self.around = budget, around

    own = session()
    around = Surroundings(100, staircase=Staircase(500, 10, 75, 2))
    own.policy = Policy(budget("nova"), around)
    own.sized(5.0, 4000)
    assert own.policy.budget.timeout_s == 4000
    assert own.policy.around.staircase.size_gib == 5.0
    own.sized(5.0, 0)
    assert own.policy.budget.timeout_s is None
    own.policy = Policy(replace(budget("flavor"), timeout_s=7), around)
    own.sized(5.0, 4000)
    assert own.policy.budget.timeout_s == 7


def test_progress_of_a_steered_end_tells_of_postcopy():
    own = session()
    own.steered_end = Progress(
        sample=Sample(1.0, JobState.COMPLETED), postcopy=True
    )
    assert own.outcome(None).postcopy


def refused_session(**changes):
    """One whose post-copy QEMU refuses as it starts."""
    own = session()
    own.policy = AdaptivePolicy(
        replace(budget("nova"), auto_converge=True, **changes),
        Surroundings(overhead_ms=50),
    )
    own.plan = own.policy.plan()
    assert own.plan.postcopy and not own.plan.auto_converge
    return own


def test_refused_postcopy_is_planned_without(caplog):
    own = refused_session()
    plan = own._without_postcopy("no userfaultfd")
    assert plan is own.plan
    assert not plan.postcopy and plan.auto_converge
    assert plan.notes == ("no post-copy: no userfaultfd",)
    own.sized(10, 1200)
    assert own.policy.around.no_postcopy == "no userfaultfd"
    assert own.policy.budget.timeout_s == 1200
    kept = own.record.as_dict()
    assert kept["no_postcopy"] == "no userfaultfd"
    assert kept["plan"]["postcopy"] is False
    assert "again without post-copy: no userfaultfd" in caplog.text


def test_the_loop_that_waits_for_the_start_goes_on_without():
    """Operation thread and monitor begin together."""
    own = refused_session()
    seen = []

    class Waits(Job):
        def sample(self, t_s):
            if not seen:
                own._without_postcopy("refused")
                seen.append(own._loop.policy)
                return Sample(t_s, JobState.NONE)
            return Sample(t_s, JobState.COMPLETED)

    own.steer(lambda _: Waits(None), None, FakeClock())
    assert seen[0] is own.policy
    assert seen[0].around.no_postcopy == "refused"
