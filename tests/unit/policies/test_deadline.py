"""What is done at the timeout."""

from dataclasses import replace

import pytest

from nova_livemig_gpu.model import ActionKind, OnTimeout
from nova_livemig_gpu.policies.deadline import at_deadline
from nova_livemig_gpu.policies.progress import Progress
from tests import builders

LATE = Progress(sample=builders.sample(100.1))


def decide(wish, progress=LATE, ready=True, timeout_s=100):
    return at_deadline(
        builders.budget(timeout_s=timeout_s, on_timeout=wish), progress, ready
    )


@pytest.mark.parametrize(
    ("wish", "ready", "kind"),
    [
        (OnTimeout.ABORT, True, ActionKind.ABORT),
        (OnTimeout.ABORT, False, ActionKind.ABORT),
        (OnTimeout.FORCE_COMPLETE, True, ActionKind.FORCE_COMPLETE),
        (OnTimeout.FORCE_COMPLETE, False, ActionKind.FORCE_COMPLETE),
        (OnTimeout.POSTCOPY, True, ActionKind.START_POSTCOPY),
        (OnTimeout.POSTCOPY, False, ActionKind.ABORT),
    ],
)
def test_wish(wish, ready, kind):
    decision = decide(wish, ready=ready)
    assert decision.action.kind is kind
    assert decision.code == "deadline"
    assert "timeout_s is 100" in decision.reason
    assert wish.value in decision.reason


@pytest.mark.parametrize("ready", [True, False])
def test_continue_does_nothing(ready):
    assert decide(OnTimeout.CONTINUE, ready=ready) is None


@pytest.mark.parametrize("wish", OnTimeout)
def test_not_before_its_time(wish):
    just = Progress(sample=builders.sample(100.0))
    assert decide(wish, just) is None
    assert decide(wish, Progress()) is None


@pytest.mark.parametrize("wish", OnTimeout)
def test_no_timeout_no_deadline(wish):
    assert decide(wish, timeout_s=None) is None


@pytest.mark.parametrize("state", ["postcopy", "aborting"])
@pytest.mark.parametrize("wish", OnTimeout)
def test_what_cannot_be_taken_back_is_left_alone(wish, state):
    assert decide(wish, replace(LATE, **{state: True})) is None


@pytest.mark.parametrize("wish", OnTimeout)
def test_a_paused_server_can_still_be_given_up(wish):
    """It would stand still for ever otherwise."""
    decision = decide(wish, replace(LATE, forced=True))
    if wish is OnTimeout.ABORT:
        assert decision.action.kind is ActionKind.ABORT
    else:
        assert decision is None
