"""Pre-copy is given up when nothing was gained for long enough."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.model import ActionKind, NotConverging, Surroundings
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
    """Where giving up is asked for."""
    settings = {"not_converging": NotConverging.ABORT, **settings}
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
    kind = decision and decision.action.kind
    assert (kind is ActionKind.ABORT) is gives_up


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
    if stuck(progress, True, 3, 30.0):
        assert stuck(progress, False, 3, 30.0)
        assert full is not None
        assert passes - full.passes >= 3 and t_s - full.t_s >= 30


@pytest.mark.parametrize(
    ("passes", "t_s", "code"),
    [
        ([500.0], 10, None),
        ([500.0, 500.0], 20, None),
        ([500.0, 500.0, 500.0], 30, "not_converging"),
        ([500.0, 500.0, 500.0], 14, None),
        ([500.0, 450.0, 400.0], 30, None),
    ],
)
def test_it_is_said_early(passes, t_s, code):
    law = policy(not_converging=NotConverging.CONTINUE)
    decision = law.decide(at_pass_end(passes, t_s=t_s))
    assert (decision and decision.code) == code


def test_it_is_said_whatever_the_prediction_says():
    """Passes of 0.2 s, in a minute none that left less than 11 MiB; 200 ms
    are good for 10, and the curve says that the next one ends."""
    law = policy(not_converging=NotConverging.CONTINUE)
    hovering = replace(
        at_pass_end([11.0, 10.5, 11.0] * 4, t_s=2.4),
        pass_count=400,
        best_pass=3,
        best_s=5.0,
        sample=sample(70.0, 401, 1000, 11.0),
        window=(
            sample(68.0, 400, 900, 11.0),
            sample(69.9, 400, 995, 11.0),
            sample(70.0, 401, 1000, 11.0),
        ),
    )
    assert law.decide(hovering).code == "not_converging"


def test_a_throttle_that_does_not_rise_is_said_too():
    law = policy(auto_converge=True, not_converging=NotConverging.CONTINUE)
    early = law.decide(slowed(20))
    assert early is None
    late = replace(
        slowed(20), pass_count=60, best_pass=20, best_s=0.0, warnings=()
    )
    late = replace(late, sample=replace(late.sample, t_s=130.0))
    assert law.decide(late).code == "not_converging"


def test_nothing_is_given_up_over_a_link_that_has_fallen():
    stuck = at_pass_end([500.0] * 5, t_s=50)
    window = tuple(
        sample(t_s, 5, 1000 + 50 * (t_s - 48)) for t_s in (48.0, 49.0, 49.9)
    )
    stuck = replace(stuck, window=(*window, stuck.sample))
    gone = replace(stuck, best_bps=10 * 50 * 2**20, best_bps_s=45.0)
    decision = policy().decide(gone)
    assert decision.action.kind is ActionKind.WARN
    assert policy().decide(stuck).action.kind is ActionKind.ABORT
