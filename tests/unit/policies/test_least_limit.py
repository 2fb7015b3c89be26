"""The least limit that costs no time."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nova_livemig_gpu.model import (
    ActionKind,
    CurvePoint,
    DirtyCurve,
    Goal,
    Pass,
    Surroundings,
)
from nova_livemig_gpu.planning.foreknown import dirty_curve
from nova_livemig_gpu.planning.guestwrites import Grow, Idle, Random, Sweep
from nova_livemig_gpu.planning.host import Guest, Hosts
from nova_livemig_gpu.planning.simulator import Scenario, simulate
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.policies.progress import Progress
from tests import builders
from tests.builders import GIB, MIB, at_pass_end, sample

QUIET = DirtyCurve((CurvePoint(1.0, 1.0 * MIB),), float(GIB))
#: 5 MiB are dirty at once, again and again.
HOT = DirtyCurve(
    (CurvePoint(0.01, 5.0 * MIB), CurvePoint(60.0, 5.0 * MIB)), float(GIB)
)


def policy(known=QUIET, **settings):
    return AdaptivePolicy(
        builders.budget(**settings),
        Surroundings(overhead_ms=100, curve=known),
    )


def sending(t_s, **changes):
    """1 GiB at 50 MiB/s, inside its first pass."""
    progress = Progress()
    for at_s in (0.0, t_s - 0.5, t_s):
        sent = at_s * 50
        progress = progress.advance(sample(at_s, 1, sent, 1024 - sent))
    settings = {"limit_ms": 200, "limit_code": "first_limit", **changes}
    return replace(progress, **settings)


def test_a_quiet_guest_needs_little():
    decision = policy().decide(sending(1.5))
    assert decision.action.kind is ActionKind.SET_DOWNTIME
    assert decision.action.value == 30
    assert decision.code == "measured", "QEMU is not meant to stop yet"


def test_what_never_fits_is_left_out():
    """5 MiB at 50 MiB/s are 100 ms, and QEMU takes 10% more now and then."""
    decision = policy(HOT).decide(sending(1.5))
    assert 75 <= decision.action.value < 200


@pytest.mark.parametrize(
    "unwilling",
    [
        (policy(None), sending(1.5)),
        (policy(goal=Goal.GENTLE), sending(1.5)),
        (policy(), sending(0.9)),
        (policy(), sending(2.5)),
        (policy(), sending(1.5, limit_code="measured")),
        (policy(), sending(1.5, pass_count=1)),
        (policy(max_downtime_ms=40), sending(1.5, limit_ms=20)),
        (policy(), Progress()),
    ],
)
def test_only_once_and_only_when_it_is_known(unwilling):
    law, progress = unwilling
    assert law.decide(progress) is None


def lowered(dirtied_mib, **changes):
    settings = {"limit_ms": 30, "limit_code": "measured", **changes}
    return at_pass_end(dirtied_mib, t_s=20, **settings)


def test_raised_where_the_prediction_was_wrong():
    """Passes leave 8 MiB each; 30 ms are good for 1.5, 200 ms for 10."""
    decision = policy(None).decide(lowered([8.0, 8.0]))
    assert (decision.action.value, decision.code) == (200, "floor_reached")


def test_raised_after_two_passes_that_would_have_done():
    assert policy().decide(lowered([100.0, 9.0])) is None
    decision = policy().decide(lowered([100.0, 9.0, 7.0]))
    assert decision.action.value == 200


def test_raised_when_passes_run_away():
    quick = Pass(3, 19.0, 19.2, 0, 2 * MIB, merged=True)
    progress = replace(lowered([100.0, 9.0]), pass_ended=False)
    once = replace(progress, passes=(*progress.passes, quick))
    assert policy().decide(once) is None, "that is how a migration ends"
    progress = replace(once, passes=(*once.passes, quick))
    assert policy().decide(progress).action.value == 200
    full = replace(progress, limit_ms=200)
    assert policy().decide(full) is None


#: What 400 Mbit/s carry, about.
LINK_MIB_S = 45.0


def guest(writer):
    return Guest(512 * MIB, 240 * MIB, writer)


@given(
    kind=st.sampled_from([Sweep, Random]),
    rate=st.floats(0, 120),
    size=st.floats(1, 128),
    budget_ms=st.sampled_from([200, 300, 1000, 3000]),
    wrong=st.floats(0.1, 3.0),
)
@example(kind=Sweep, rate=36.5, size=106.0, budget_ms=300, wrong=0.25)
@hypothesis_settings(max_examples=40, deadline=None)
def test_whole_migrations_lose_little_by_it(
    kind, rate, size, budget_ms, wrong
):
    """Even where the curve is wrong by a factor: two passes that fit into
    L_max, one level pass, and 5%. It ends wherever it ended before."""
    server = guest(kind(rate * MIB, size * MIB) if rate > 0 else Idle())
    known = dirty_curve(server)
    told = DirtyCurve(
        tuple(
            CurvePoint(p.period_s, min(p.dirty_bytes * wrong, 240 * MIB))
            for p in known.points
        ),
        known.ceiling_bytes,
    )
    results = []
    for curve in (told, None):
        case = Scenario(
            server,
            Hosts(400),
            builders.budget(max_downtime_ms=budget_ms),
            Surroundings(overhead_ms=100, curve=curve),
            cut_s=300.0,
        )
        results.append(simulate(AdaptivePolicy, case))
    ours, plain = results
    assert ours.completed >= plain.completed
    if not plain.completed:
        return
    assert (ours.seen.downtime_ms or 0) <= budget_ms
    lost_s = ours.seen.total_s - plain.seen.total_s
    level_s = max(1.0, size / LINK_MIB_S)
    assert lost_s <= 0.05 * plain.seen.total_s + 3 * budget_ms / 1e3 + level_s


def test_a_guest_that_grows_still_ends():
    """Its curve says far less than what it writes later."""
    server = replace(
        guest(Grow(45 * MIB, 128 * MIB, 60.0)),
        age_s=0.0,
        total_bytes=256 * MIB,
    )
    case = Scenario(
        server,
        Hosts(400),
        builders.budget(postcopy=True),
        Surroundings(overhead_ms=100, curve=dirty_curve(server)),
        cut_s=60.0,
    )
    assert simulate(AdaptivePolicy, case).seen.total_s < 10
