"""The switch to post-copy; inside the first pass only when foreseen."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.model import (
    ActionKind,
    CurvePoint,
    DirtyCurve,
    Goal,
    PostcopyStart,
    Surroundings,
)
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.policies.progress import Progress
from tests import builders
from tests.builders import GIB, MIB, at_pass_end, sample

#: 100 MiB/s over 256 MiB.
HEAVY = DirtyCurve(
    (
        CurvePoint(1.0, 100.0 * MIB),
        CurvePoint(2.56, 256.0 * MIB),
        CurvePoint(60.0, 256.0 * MIB),
    ),
    float(GIB),
)


def policy(known=HEAVY, no_postcopy=None, **settings):
    return AdaptivePolicy(
        builders.budget(
            **{
                "postcopy": True,
                "postcopy_start": PostcopyStart.AS_PREDICTED,
                **settings,
            }
        ),
        Surroundings(overhead_ms=100, no_postcopy=no_postcopy, curve=known),
    )


def sending(t_s, sent_mib, **changes):
    """1 GiB at 50 MiB/s, inside its first pass."""
    progress = Progress()
    for at_s, mib in ((0.0, 0.0), (t_s - 0.5, sent_mib - 25), (t_s, sent_mib)):
        progress = progress.advance(sample(at_s, 1, mib, 1024 - mib))
    return replace(progress, limit_ms=200, **changes)


def test_the_moment():
    """8 s: 39% gone over, of 256 MiB 100 MiB are to be sent again: less than
    a tenth of 1 GiB. 8.5 s: 106 MiB."""
    assert policy().decide(sending(8.0, 400)) is None
    decision = policy().decide(sending(8.5, 425))
    assert decision.action.kind is ActionKind.START_POSTCOPY
    assert decision.code == "precopy_foreseen_long"
    assert "not end" in decision.reason
    assert decision.numbers["postcopy_s"] == pytest.approx(22.6, abs=0.1)


@pytest.mark.parametrize(
    "unwilling",
    [
        policy(None),
        policy(DirtyCurve((), float(GIB))),
        policy(postcopy=False),
        policy(no_postcopy="the server is paused"),
        policy(goal=Goal.GENTLE),
        policy(postcopy_start=PostcopyStart.AFTER_FIRST_PASS),
        policy(DirtyCurve((CurvePoint(10.0, 50.0 * MIB),), float(GIB))),
    ],
)
def test_only_where_it_is_foreseen_and_permitted(unwilling):
    assert unwilling.decide(sending(15.0, 750)) is None


@pytest.mark.parametrize(
    "blind",
    [
        Progress(),
        Progress().advance(sample(9, 1, 0, 1024)),
        sending(8.5, 425, postcopy_failed=True),
        sending(8.5, 425, postcopy=True),
        sending(8.5, 425, forced=True),
        sending(8.5, 425, pass_count=1),
        sending(0.9, 45),
        replace(sending(8.5, 425), sample=sample(8.5, 1, 425, None)),
        replace(
            sending(8.5, 425), sample=sample(8.5, 1, 425, 1, total_bytes=0)
        ),
    ],
)
def test_not_before_it_is_known(blind):
    assert policy().decide(blind) is None


def test_gpu_devices_never():
    around = Surroundings(
        overhead_ms=100,
        no_postcopy="the server has a VFIO device",
        vfio=True,
        curve=HEAVY,
    )
    law = AdaptivePolicy(builders.budget(postcopy=True), around)
    decision = law.decide(sending(8.5, 425))
    assert (
        decision is None
        or decision.action.kind is not ActionKind.START_POSTCOPY
    )


def test_after_the_pass_as_ever():
    late = at_pass_end([400.0], t_s=10)
    law = policy(None, postcopy_start=PostcopyStart.AFTER_FIRST_PASS)
    assert law.decide(late).code == "postcopy_is_faster"


@given(
    t_s=st.floats(0.6, 100),
    sent=st.floats(0, 1024),
    rate=st.floats(0, 1000),
    size=st.floats(1, 1024),
    permitted=st.booleans(),
    start=st.sampled_from(PostcopyStart),
    goal=st.sampled_from(Goal),
)
def test_inside_the_first_pass_only_by_the_law(
    t_s, sent, rate, size, permitted, start, goal
):
    known = DirtyCurve(
        (
            CurvePoint(1.0, min(rate, size) * MIB),
            CurvePoint(1000.0, size * MIB),
        ),
        float(GIB),
    )
    law = policy(known, postcopy=permitted, postcopy_start=start, goal=goal)
    decision = law.decide(sending(t_s, sent))
    if decision is None:
        return
    assert decision.action.kind is ActionKind.START_POSTCOPY
    assert permitted and goal is Goal.FAST
    assert start is PostcopyStart.AS_PREDICTED
    again, total_s = (
        decision.numbers[name] for name in ("again_bytes", "postcopy_s")
    )
    assert again >= 0.1 * GIB
    whole_s = decision.numbers["precopy_s"]
    assert whole_s is None or total_s <= 0.8 * whole_s
