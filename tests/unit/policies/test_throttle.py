"""Auto-converge's steps, and the limit under a throttle."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.model import ActionKind, Prediction, Surroundings
from nova_livemig_gpu.policies import throttle
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.policies.giving_up import Ceiling
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.prediction.throttled import stall_ms
from tests import builders
from tests.builders import at_pass_end, sample

ENDLESS = Prediction(False, None, None, 3, 0.0, 0.0, "passes do not shrink")


def walked(steps):
    """The throttles that QEMU goes through."""
    found = [min(steps.initial, 99)]
    while found[-1] < 99:
        found.append(min(found[-1] + steps.increment, 99))
    return found


@pytest.mark.parametrize(
    ("needed", "limit_max_ms", "walk"),
    [
        (None, 350, [50, 70, 90, 99]),
        (20, 350, [20, 47, 74, 99]),
        (80, 350, [80, 94, 99]),
        (93, 350, [93, 95, 97, 99]),
        (94, 350, [94, 96, 98, 99]),
        (95, 350, [94, 96, 98, 99]),
        (97, 350, [94, 97, 99]),
        (72, 50, [71, 81, 91, 99]),
        (99, 350, [94, 99]),
        (99, 2000, [99]),
        (None, 20, [50, 67, 84, 99]),
        (75, 10, [33, 75, 99]),
    ],
)
def test_the_way_to_what_is_needed(needed, limit_max_ms, walk):
    assert walked(throttle.steps(needed, limit_max_ms)) == walk


@given(
    needed=st.none() | st.integers(20, 99), limit_max_ms=st.integers(1, 10**6)
)
def test_steps_that_libvirt_takes(needed, limit_max_ms):
    steps = throttle.steps(needed, limit_max_ms)
    assert 1 <= steps.initial <= 99 and 1 <= steps.increment <= 99
    # no higher than is needed, and there by the second step
    if needed is not None:
        assert steps.initial <= needed <= steps.initial + steps.increment
    # three raises at most
    assert len(walked(steps)) <= 4
    # the budget is left last
    wanted = needed or 50
    if steps.initial < wanted:
        assert steps.initial == throttle.highest_percent(limit_max_ms)


@given(
    percent=st.none() | st.integers(0, 99), limit_max_ms=st.integers(1, 10**6)
)
def test_stall_and_limit_keep_the_budget_together(percent, limit_max_ms):
    progress = Progress(sample=sample(1, throttle_percent=percent))
    limit = throttle.limit_ms(limit_max_ms, progress)
    assert limit_max_ms / 2 - 1 <= limit <= limit_max_ms
    stall = stall_ms(percent or 0)
    if (percent or 0) <= throttle.highest_percent(limit_max_ms):
        assert limit + stall <= limit_max_ms + 10
    else:
        assert limit == limit_max_ms and stall > limit_max_ms / 2 - 10


@pytest.mark.parametrize(
    ("since_s", "limit_ms"), [(None, 2010), (9.5, 2010), (10.0, 3000)]
)
def test_at_its_most_it_has_its_chance_with_the_whole_limit(since_s, limit_ms):
    full = None if since_s is None else Ceiling(5, 100.0 - since_s)
    now = sample(100.0, throttle_percent=99)
    progress = Progress(sample=now, memory=full)
    assert throttle.limit_ms(3000, progress) == limit_ms


def law(**around):
    found = Surroundings(overhead_ms=100, forecast=ENDLESS, **around)
    budget = builders.budget(max_downtime_ms=500, auto_converge=True)
    return AdaptivePolicy(budget, found)


def throttled(percent, limit_ms, **changes):
    progress = at_pass_end([100.0] * 3)
    return replace(
        progress,
        sample=replace(progress.sample, throttle_percent=percent),
        limit_ms=limit_ms,
        **changes,
    )


@pytest.mark.parametrize("pass_ended", [True, False])
@pytest.mark.parametrize(
    ("percent", "limit_ms", "lower_ms"),
    [
        (None, 400, None),
        (50, 400, None),
        (80, 400, 360),
        (90, 400, 310),
        (90, 310, None),
        (95, 400, 210),
        # no limit would do
        (96, 400, None),
        (99, 400, None),
    ],
)
def test_the_limit_is_lower_under_a_throttle(
    percent, limit_ms, lower_ms, pass_ended
):
    decision = law().decide(
        throttled(percent, limit_ms, pass_ended=pass_ended)
    )
    if lower_ms is None:
        assert decision is None
        return
    assert decision.code == "throttled"
    assert decision.action.kind is ActionKind.SET_DOWNTIME
    assert decision.action.value == lower_ms


def test_it_is_raised_again_where_no_limit_would_do():
    decision = law().decide(throttled(99, 210))
    assert decision.code == "opened"
    assert decision.action.value == 400


@pytest.mark.parametrize(
    ("percent", "notes"), [(None, 0), (60, 0), (95, 0), (96, 1), (99, 1)]
)
def test_what_breaks_the_budget_is_told(percent, notes):
    told = law(throttle_percent=percent).plan().notes
    assert len(told) == notes
    if notes:
        assert f"{percent}%" in told[0] and "max_downtime_ms" in told[0]
