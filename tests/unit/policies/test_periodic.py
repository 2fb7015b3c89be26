"""A policy's own looks and its memory, in the real loop."""

from dataclasses import dataclass

import pytest

from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Decision,
    OnTimeout,
    Surroundings,
)
from nova_livemig_gpu.policies.periodic import PeriodicPolicy
from nova_livemig_gpu.policies.progress import Progress
from tests.builders import budget, sample
from tests.scripted import run

AROUND = Surroundings(overhead_ms=100)


@dataclass(frozen=True)
class Seen:
    at: tuple[float, ...] = ()


class Counting(PeriodicPolicy[Seen]):
    """Notes its looks; asks for as many ms as it has had looks."""

    every_s = 0.4
    uses_postcopy = True
    uses_auto_converge = True

    def blank(self) -> Seen:
        return Seen()

    def look(self, kept: Seen, progress: Progress) -> Seen:
        return Seen((*kept.at, round(progress.elapsed_s, 3)))

    def act(self, kept: Seen, progress: Progress) -> Decision | None:
        limit = Action(ActionKind.SET_DOWNTIME, len(kept.at))
        return Decision(limit, code="x", reason="x")


def show(t):
    return sample(t, 1, t, 100)


def test_it_looks_in_its_own_time_whatever_the_loop_does():
    events, job = run(Counting(budget(), AROUND), show, 2.0, poll_s=0.25)
    assert [t for t, _, _ in events] == [0.0, 0.4, 0.8, 1.2, 1.6]
    assert [value for _, _, value in events] == [1, 2, 3, 4, 5]
    assert len(job.looks) > len(events), "the loop looks in between"


def test_what_was_refused_is_asked_for_again():
    events, _ = run(Counting(budget(), AROUND), show, 12.0, refuse=("limit",))
    assert [t for t, _, _ in events] == pytest.approx([0.0, 5.2, 10.4])
    assert events[1][2] == 14, "it has looked meanwhile"


def test_another_object_goes_on_where_the_first_was():
    first, second = (Counting(budget(), AROUND) for _ in range(2))
    progress = Progress().advance(show(0.0))
    memory = first.remember(progress)
    progress = Progress(sample=show(0.4), memory=memory)
    assert second.remember(progress).kept == Seen((0.0, 0.4))


def test_a_late_look_moves_the_next_one():
    policy = Counting(budget(), AROUND)
    progress = Progress(memory=policy.remember(Progress(sample=show(0.0))))
    late = Progress(sample=show(0.7), memory=progress.memory)
    assert policy.remember(late).next_s == pytest.approx(1.1)


@pytest.mark.parametrize("allowed", [True, False])
def test_settings_of_the_server_hold(allowed):
    policy = Counting(
        budget(postcopy=allowed, auto_converge=allowed, bandwidth_mbps=400),
        AROUND,
    )
    plan = policy.plan()
    assert (plan.postcopy, plan.auto_converge) == (allowed, allowed)
    assert plan.bandwidth_mib_s == 48


def test_an_obstacle_is_told():
    around = Surroundings(overhead_ms=0, no_postcopy="has a vGPU")
    plan = Counting(budget(postcopy=True), around).plan()
    assert not plan.postcopy
    assert plan.notes == ("no post-copy: has a vGPU",)


def test_the_servers_timeout_holds_beside_the_law():
    policy = Counting(
        budget(timeout_s=1.0, on_timeout=OnTimeout.ABORT), AROUND
    )
    events, _ = run(policy, show, 10.0)
    assert events[-1][1:] == ("abort", None)
    assert 1.0 < events[-1][0] <= 1.3
