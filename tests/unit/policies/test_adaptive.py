"""The law, rule by rule; whole migrations are in migration/test_loop.py."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.model import (
    ActionKind,
    CurvePoint,
    DirtyCurve,
    Goal,
    NotConverging,
    OnTimeout,
    Prediction,
    Surroundings,
    ThrottleSteps,
)
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.policies.giving_up import Ceiling
from nova_livemig_gpu.policies.held_limit import HELD_MS
from nova_livemig_gpu.policies.progress import Progress
from tests import builders
from tests.builders import MIB, at_pass_end, sample

#: 60 s without progress: 100 MiB need 2 s at 50 MiB/s, and leave as much.
STUCK = [100.0] * 30


ABORT = {"not_converging": NotConverging.ABORT}


def policy(around=None, **settings):
    return AdaptivePolicy(
        builders.budget(**settings),
        around or Surroundings(overhead_ms=100),
    )


@pytest.mark.parametrize(
    ("budget_ms", "overhead_ms", "limit_ms"),
    [
        (300, 100, 200),
        (300, 0, 300),
        (300, 299, 150),
        (300, 5000, 150),
        (10, 0, 10),
        (2_000_000, 100, 1_999_900),
    ],
)
def test_limit_keeps_the_overhead_free(budget_ms, overhead_ms, limit_ms):
    law = policy(
        Surroundings(overhead_ms=overhead_ms), max_downtime_ms=budget_ms
    )
    assert law.limit_max_ms == limit_ms
    assert law.plan().max_downtime_ms == min(limit_ms, 30)


@pytest.mark.parametrize("goal", list(Goal))
def test_every_goal_starts_low(goal):
    assert policy(goal=goal).plan().max_downtime_ms == 30
    tight = policy(goal=goal, max_downtime_ms=40).plan()
    assert tight.max_downtime_ms == 20


@pytest.mark.parametrize(
    ("allowed", "obstacle", "possible", "notes"),
    [
        (True, None, True, ()),
        (False, None, False, ()),
        (True, "has a vGPU", False, ("no post-copy: has a vGPU",)),
        (False, "has a vGPU", False, ()),
    ],
)
def test_plan_of_postcopy(allowed, obstacle, possible, notes):
    around = Surroundings(overhead_ms=0, no_postcopy=obstacle)
    plan = policy(around, postcopy=allowed, auto_converge=True).plan()
    assert plan.postcopy is possible
    assert plan.auto_converge is not possible
    assert plan.notes == notes


def test_nothing_inside_a_pass():
    inside = replace(at_pass_end(STUCK), pass_ended=False)
    assert policy(postcopy=True).decide(inside) is None


def test_postcopy_when_the_floor_is_above_the_budget():
    decision = policy(postcopy=True).decide(at_pass_end(STUCK))
    assert decision.action.kind is ActionKind.START_POSTCOPY
    assert decision.code == "floor_above_budget"
    assert "100.0 MiB" in decision.reason
    assert "200 ms are good for 10.0 MiB" in decision.reason
    assert decision.numbers["postcopy_s"] == pytest.approx(2.0)


def test_postcopy_when_it_saves_enough():
    # 10 s dirty 400 MiB: passes shrink by a fifth each.
    slow = at_pass_end([400.0], t_s=10)
    decision = policy(postcopy=True).decide(slow)
    assert decision.code == "postcopy_is_faster"


def test_no_postcopy_to_save_little():
    # 10 s dirty 20 MiB: one more pass of 0.4 s, and the pause.
    quick = at_pass_end([20.0], t_s=10)
    assert policy(postcopy=True).decide(quick) is None


def test_gentle_does_not_switch_to_save_time():
    slow = at_pass_end([400.0], t_s=10, limit_ms=30)
    gentle = policy(postcopy=True, goal=Goal.GENTLE)
    assert gentle.decide(slow) is None


def test_refused_postcopy_is_not_asked_for_again():
    refused = at_pass_end([100.0], postcopy_failed=True)
    assert policy(postcopy=True).decide(refused) is None


def test_says_once_that_it_is_not_expected_to_end():
    stuck = at_pass_end(STUCK)
    said = policy(timeout_s=1600).decide(stuck)
    assert said.action.kind is ActionKind.WARN
    assert said.code == "not_converging"
    for words in (
        *("30 passes", "100.0 MiB", "2000 ms", "max_downtime_ms is 300"),
        *("timeout_s (1600 s)", "on_timeout is abort"),
        *("postcopy = allow", "auto_converge = allow"),
        "a max_downtime_ms of 2101",
    ):
        assert words in said.reason
    assert policy().decide(replace(stuck, warnings=(said,))) is None


def test_what_is_said_names_only_what_would_help():
    around = Surroundings(overhead_ms=0, no_postcopy="the server is paused")
    law = policy(around, timeout_s=None, auto_converge=True)
    progress = at_pass_end(STUCK, memory=Ceiling(0, 0.0))
    reason = law.decide(progress).reason
    assert "goes on until it ends or is aborted" in reason
    assert "postcopy" not in reason and "auto_converge" not in reason


def test_a_faster_link_is_named_where_it_would_do():
    # f(2 s) = 60 MiB, f(1 s) = 40 MiB: 50 MiB/s never, 100 MiB/s at 200 ms
    curve = DirtyCurve(
        (CurvePoint(0.5, 30.0 * MIB), CurvePoint(1.0, 50.0 * MIB)),
        float(1024 * MIB),
    )
    around = Surroundings(overhead_ms=100, curve=curve)
    said = policy(around, max_downtime_ms=600).decide(
        at_pass_end([50.0] * 30, t_s=30)
    )
    assert "Mbit/s for it" in said.reason


def test_gives_up_with_the_numbers_where_that_is_asked_for():
    decision = policy(**ABORT).decide(at_pass_end(STUCK))
    assert decision.action.kind is ActionKind.ABORT
    assert decision.code == "cannot_converge"
    for number in ("30 passes", "100.0 MiB", "2000 ms", "is 300"):
        assert number in decision.reason
    assert "post-copy is forbidden" in decision.reason


def test_says_why_an_allowed_postcopy_was_not_used():
    around = Surroundings(overhead_ms=0, no_postcopy="the server is paused")
    law = policy(around, postcopy=True, **ABORT)
    decision = law.decide(at_pass_end(STUCK))
    assert "post-copy is not possible" in decision.reason


@pytest.mark.parametrize(
    "wish", [OnTimeout.CONTINUE, OnTimeout.FORCE_COMPLETE, OnTimeout.POSTCOPY]
)
def test_gives_up_only_where_the_timeout_would(wish):
    law = policy(on_timeout=wish, **ABORT)
    assert law.decide(at_pass_end(STUCK)).action.kind is ActionKind.WARN


def test_hope_while_passes_still_shrink():
    shrinking = [100.0 * 0.98**n for n in range(30)]
    assert policy().decide(at_pass_end(shrinking)) is None


def test_few_passes_are_no_reason_to_give_up():
    assert policy().decide(at_pass_end([100.0, 100.0])) is None


def test_gentle_raises_once_to_what_is_needed():
    # 20 MiB at 50 MiB/s: 400 ms, half as much more is 600.
    level = at_pass_end([20.0, 20.0], limit_ms=30)
    around = Surroundings(overhead_ms=0)
    gentle = policy(around, goal=Goal.GENTLE, max_downtime_ms=900)
    decision = gentle.decide(level)
    assert decision.code == "floor_reached"
    assert decision.action.value == 601


def test_gentle_never_exceeds_the_budget():
    level = at_pass_end([100.0, 100.0], limit_ms=30)
    decision = policy(goal=Goal.GENTLE).decide(level)
    assert decision.action.value == 200


def test_gentle_doubles_when_its_guess_was_not_enough():
    around = Surroundings(overhead_ms=0)
    gentle = policy(around, goal=Goal.GENTLE, max_downtime_ms=900)
    stuck = at_pass_end([20.0] * 4, limit_ms=410)
    assert gentle.decide(stuck).action.value == 820
    assert gentle.decide(replace(stuck, limit_ms=900)) is None


def test_gentle_hurries_when_the_timeout_is_near():
    shrinking = at_pass_end([20.0, 9.0], t_s=90, limit_ms=30)
    near = policy(goal=Goal.GENTLE, timeout_s=100).decide(shrinking)
    assert near.code == "short_of_time"
    far = policy(goal=Goal.GENTLE, timeout_s=1000).decide(shrinking)
    assert far is None


@pytest.mark.parametrize(
    "blind",
    [
        Progress(sample=sample(5), pass_ended=True),
        replace(at_pass_end(STUCK), sample=sample(60, 31, 1000, None)),
        Progress(pass_ended=True),
    ],
)
def test_missing_data_stops_the_rules_of_the_passes(blind):
    assert policy(postcopy=True).decide(blind) is None


def test_missing_data_does_not_stop_the_deadline():
    blind = Progress(sample=sample(101, None, 0, None))
    decision = policy(timeout_s=100).decide(blind)
    assert decision.code == "deadline"


@pytest.mark.parametrize("state", ["postcopy", "aborting"])
def test_nothing_more_after_the_point_of_no_return(state):
    over = at_pass_end(STUCK, **{state: True})
    assert policy(postcopy=True, timeout_s=1).decide(over) is None


def test_a_paused_server_is_only_given_up_at_its_deadline():
    paused = at_pass_end(STUCK, forced=True)
    assert policy(postcopy=True, timeout_s=100).decide(paused) is None
    late = policy(postcopy=True, timeout_s=1).decide(paused)
    assert late.action.kind is ActionKind.ABORT


def test_gentle_does_not_stay_low_for_ever():
    """QEMU's own bandwidth may be lower than ours: 30 ms ought to do."""
    level = at_pass_end([1.0] * 4, limit_ms=30)
    decision = policy(goal=Goal.GENTLE).decide(level)
    assert decision.action.value == 60


def test_passes_that_ran_together_say_nothing():
    level = at_pass_end(STUCK)
    jumped = replace(level, pass_ended=False)
    assert policy(postcopy=True).decide(jumped) is None


@given(
    dirtied=st.lists(st.floats(0, 1024), min_size=1, max_size=14),
    t_s=st.floats(2, 5000),
    limit_ms=st.none() | st.integers(10, 2_000_000),
    goal=st.sampled_from(Goal),
    wish=st.sampled_from(OnTimeout),
    timeout_s=st.none() | st.integers(1, 10_000),
    postcopy=st.booleans(),
    obstacle=st.none() | st.just("a reason"),
    budget_ms=st.integers(10, 2_000_000),
    overhead_ms=st.floats(0, 60_000),
)
def test_any_decision_keeps_the_settings(
    dirtied,
    t_s,
    limit_ms,
    goal,
    wish,
    timeout_s,
    postcopy,
    obstacle,
    budget_ms,
    overhead_ms,
):
    """Never beyond the budget, never post-copy that is forbidden, never an
    abort that nobody asked for, and a limit is lowered only to be held."""
    law = policy(
        Surroundings(overhead_ms=overhead_ms, no_postcopy=obstacle),
        goal=goal,
        on_timeout=wish,
        timeout_s=timeout_s,
        postcopy=postcopy,
        max_downtime_ms=budget_ms,
    )
    assert 10 <= law.plan().max_downtime_ms <= budget_ms
    decision = law.decide(at_pass_end(dirtied, t_s=t_s, limit_ms=limit_ms))
    if decision is None:
        return
    assert decision.reason and decision.code
    match decision.action.kind:
        case ActionKind.SET_DOWNTIME if decision.code == "held":
            assert decision.action.value < limit_ms
            assert decision.action.value <= min(HELD_MS, budget_ms)
        case ActionKind.SET_DOWNTIME:
            assert limit_ms < decision.action.value <= budget_ms
        case ActionKind.START_POSTCOPY:
            assert postcopy and obstacle is None
        case ActionKind.FORCE_COMPLETE:
            assert wish is OnTimeout.FORCE_COMPLETE
        case ActionKind.ABORT:
            assert wish in (OnTimeout.ABORT, OnTimeout.POSTCOPY)
            assert decision.code == "deadline"
        case ActionKind.WARN:
            assert decision.code == "not_converging"


def _foreseen(converges):
    return Prediction(converges, None, None, 3, 0.0, 0.0, "why")


@pytest.mark.parametrize(
    ("ahead", "settings", "steps"),
    [
        (None, {"auto_converge": True}, None),
        (_foreseen(True), {"auto_converge": True}, None),
        (_foreseen(False), {"auto_converge": False}, None),
        (_foreseen(False), {"auto_converge": True, "postcopy": True}, None),
        (
            _foreseen(False),
            {"auto_converge": True, "goal": Goal.GENTLE},
            None,
        ),
        (
            _foreseen(False),
            {"auto_converge": True},
            ThrottleSteps(initial=50, increment=20),
        ),
    ],
)
def test_own_steps_only_where_they_are_needed(ahead, settings, steps):
    around = Surroundings(overhead_ms=100, forecast=ahead)
    assert policy(around, **settings).plan().throttle == steps


def _without_gain(passes=5, waited_s=2.0, limit_ms=200, best_mib=6, **changes):
    """Seen of a growing server: each pass leaves a limit's worth unsent and
    finds as much dirty as it has sent."""
    return replace(
        at_pass_end([6.0] * 8, t_s=20),
        pass_count=20,
        best_pass=20 - passes,
        best_s=20.0 - waited_s,
        best_bytes=best_mib * MIB,
        limit_ms=limit_ms,
        **{"pass_ended": False, **changes},
    )


@pytest.mark.parametrize(
    ("changes", "settings", "code"),
    [
        ({}, {}, "no_gain"),
        ({}, {"goal": Goal.GENTLE}, "no_gain"),
        ({"pass_ended": True}, {}, "no_gain"),
        ({"passes": 4}, {}, None),
        ({"waited_s": 1.9}, {}, None),
        # it is raised first; 200 ms are good for 10 MiB
        ({"limit_ms": 199}, {}, None),
        ({"limit_ms": 30, "best_mib": 11}, {}, "no_gain"),
        ({"limit_ms": None}, {}, None),
        ({"postcopy_failed": True}, {}, None),
        ({}, {"postcopy": False}, None),
    ],
)
def test_passes_that_gain_nothing_end_by_postcopy(changes, settings, code):
    law = policy(max_downtime_ms=300, **{"postcopy": True, **settings})
    decision = law.decide(_without_gain(**changes))
    assert (decision and decision.code) == code
    if decision is not None:
        assert decision.action.kind is ActionKind.START_POSTCOPY
