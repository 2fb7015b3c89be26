"""Pre-copy is given up when nothing was gained for long enough."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.model import Surroundings
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.policies.giving_up import Ceiling, stuck
from nova_livemig_gpu.policies.progress import Progress
from tests import builders
from tests.builders import at_pass_end, sample

#: 60 s without progress: 100 MiB need 2 s at 50 MiB/s, and leave as much.
STUCK = [100.0] * 30


def slowed(throttle, memory=None):
    progress = at_pass_end(STUCK)
    return replace(
        progress,
        sample=replace(progress.sample, throttle_percent=throttle),
        memory=memory,
    )


def policy(**settings):
    return AdaptivePolicy(
        builders.budget(**settings), Surroundings(overhead_ms=100)
    )


@pytest.mark.parametrize("throttle", [None, 20, 98])
def test_auto_converge_gets_its_chance(throttle):
    law = policy(auto_converge=True)
    progress = slowed(throttle)
    assert law.remember(progress) is None
    assert law.decide(progress) is None


@pytest.mark.parametrize(
    ("full", "gives_up"),
    [
        (None, False),
        (Ceiling(30, 60.0), False),
        (Ceiling(28, 20.0), False),
        (Ceiling(20, 31.0), False),
        (Ceiling(20, 30.0), True),
        (Ceiling(0, 0.0), True),
    ],
)
def test_the_last_throttle_gets_its_passes(full, gives_up):
    """Three passes and 30 s at 99%, whatever came before."""
    decision = policy(auto_converge=True).decide(slowed(99, full))
    assert (decision is not None) is gives_up


def test_the_ceiling_is_remembered_once():
    law = policy(auto_converge=True)
    seen = law.remember(slowed(99))
    assert seen == Ceiling(30, 60)
    later = replace(slowed(99), pass_count=40, memory=seen)
    assert law.remember(later) == seen
    assert law.remember(replace(later, sample=sample(99, 41))) == seen


def test_without_auto_converge_a_throttle_is_nothing():
    assert policy().decide(slowed(None)).code == "cannot_converge"


def test_nothing_seen_nothing_remembered():
    assert policy(auto_converge=True).remember(Progress()) is None


@given(
    passes=st.integers(0, 100),
    t_s=st.floats(0, 1000),
    full=st.none()
    | st.builds(Ceiling, st.integers(0, 100), st.floats(0, 1e3)),
    best_pass=st.integers(0, 100),
    best_s=st.floats(0, 1000),
)
def test_a_throttled_guest_is_never_given_up_sooner(
    passes, t_s, full, best_pass, best_s
):
    progress = Progress(
        sample=sample(t_s),
        pass_count=passes,
        best_pass=best_pass,
        best_s=best_s,
        memory=full,
    )
    if stuck(progress, throttled=True):
        assert stuck(progress, throttled=False)
        assert full is not None
        assert passes - full.passes >= 3 and t_s - full.t_s >= 30
