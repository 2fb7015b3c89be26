"""What nobody breaks off."""

from dataclasses import replace

import pytest

from nova_livemig_gpu.migration.loop import SteeringLoop
from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.migration.switchover import Switchover
from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Decision,
    JobState,
    StartPlan,
)
from nova_livemig_gpu.planning.guestwrites import Sweep
from nova_livemig_gpu.planning.host import Guest, Hosts
from nova_livemig_gpu.planning.qemu import SimulatedClock, SimulatedQemu
from nova_livemig_gpu.planning.simulator import usual_surroundings
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.policies.progress import Progress
from tests.builders import MIB, budget, sample

ABORT = Decision(Action(ActionKind.ABORT), "deadline", "")


def seen(*samples, forced=False):
    found = Switchover()
    for each in samples:
        progress = Progress(sample=each, forced=forced)
        found.look(progress)
    return found, progress


def still(t_s, sent_mib, **changes):
    return sample(t_s, 3, sent_mib, 10, stopped=True, **changes)


@pytest.mark.parametrize(
    "kind",
    [ActionKind.ABORT, ActionKind.FORCE_COMPLETE, ActionKind.START_POSTCOPY],
)
def test_while_something_is_sent_nothing_breaks_it_off(kind):
    found, progress = seen(still(10, 100), still(80, 101), still(81, 102))
    decision = replace(ABORT, action=Action(kind))
    assert found.forbids(decision, progress)


def test_another_limit_may_be_set():
    found, progress = seen(still(10, 100))
    limit = Decision(Action(ActionKind.SET_DOWNTIME, 900), "", "")
    assert not found.forbids(limit, progress)


def test_a_device_that_is_sent_counts():
    samples = [
        still(t_s, 100, vfio_bytes=int(t_s) * MIB) for t_s in range(10, 200)
    ]
    assert seen(*samples)[0].forbids(ABORT, Progress(sample=samples[-1]))


def test_a_link_that_is_gone_is_no_switchover():
    found, progress = seen(still(10, 100), still(69, 100))
    assert found.forbids(ABORT, progress)
    found, progress = seen(still(10, 100), still(70, 100))
    assert not found.forbids(ABORT, progress)


@pytest.mark.parametrize("stopped", [False, None])
def test_a_guest_that_runs_or_may_run(stopped):
    running = sample(11, 3, 101, 10, stopped=stopped)
    found, progress = seen(still(10, 100), running)
    assert not found.forbids(ABORT, progress)


def test_one_that_we_have_paused_is_another_matter():
    found, progress = seen(still(10, 100), still(11, 101), forced=True)
    assert not found.forbids(ABORT, progress)


def test_the_deadline_in_the_pause_comes_too_late():
    """The pause is from 9.9 s to 10.4 s, the deadline at 10.1 s."""
    guest = Guest(1024 * MIB, 1024 * MIB, Sweep(30 * MIB, 40 * MIB))
    clock = SimulatedClock()
    plan = StartPlan(False, False, 0, None)
    job = SimulatedQemu(guest, Hosts(1000), plan, clock)
    job.set_max_downtime(400)
    while not job.sample(clock.now()).stopped:
        clock.sleep(0.05)
    stopped_s = clock.now()
    clock, record = SimulatedClock(), Record(None, {})
    job = SimulatedQemu(guest, Hosts(1000), plan, clock)
    policy = AdaptivePolicy(
        budget(max_downtime_ms=500, timeout_s=stopped_s + 0.1),
        usual_surroundings(),
    )
    plan = replace(plan, max_downtime_ms=400)
    end = SteeringLoop(job, policy, plan, record, clock, 0.05, "x").run()
    assert end.sample.state is JobState.COMPLETED
    assert end.sample.t_s > stopped_s + 0.1
    assert "deadline" not in [each["code"] for each in record.decisions]
