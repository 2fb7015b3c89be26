"""The downtime limit, pass by pass."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nova_livemig_gpu.model import (
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
#: 60 MiB/s over 55 MiB.
SATURATED = DirtyCurve(
    tuple(
        CurvePoint(period_s, min(60.0 * period_s, 55.0) * MIB)
        for period_s in (0.125, 0.25, 0.5, 0.9, 60.0)
    ),
    float(GIB),
)
SECOND = {"max_downtime_ms": 1000}
#: 35 MiB/s.
SLOPE = DirtyCurve((CurvePoint(1.0, 35.0 * MIB),), float(GIB))


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
    settings = {"limit_ms": 30, "limit_code": "first_limit", **changes}
    return replace(progress, **settings)


def without(t_s, fields, **more):
    """1 GiB at 50 MiB/s, of which some fields are never told."""
    progress = replace(Progress(), limit_ms=30, limit_code="first_limit")
    for tick in range(int(t_s / 0.5) + 1):
        at_s = tick * 0.5
        sent = min(at_s * 50, 1000)
        whole = sample(at_s, 1, sent, 1024 - sent)
        missing = dict.fromkeys(fields)
        progress = progress.advance(replace(whole, **missing, **more))
    return replace(progress, limit_ms=30, limit_code="first_limit")


BLIND = (
    ("remaining_bytes",),
    ("iteration",),
    ("processed_bytes", "memory_bps"),
)


@pytest.mark.parametrize("fields", BLIND, ids=str)
@pytest.mark.parametrize("goal", Goal)
def test_without_telemetry_the_limit_is_not_held_back_for_ever(fields, goal):
    law = policy(None, goal=goal)
    assert law.decide(without(9.0, fields)) is None
    decision = law.decide(without(12.0, fields))
    assert decision.code == "opened"
    assert decision.action.value == law.limit_max_ms


@pytest.mark.parametrize("fields", BLIND, ids=str)
def test_what_cannot_be_told_while_disks_are_copied_opens_nothing(fields):
    progress = without(12.0, fields, disk_remaining_bytes=1)
    assert policy(None).decide(progress) is None


def test_with_telemetry_the_limit_stays_held_back_in_the_first_pass():
    assert policy(None).decide(without(12.0, ())) is None


def test_what_a_quiet_guest_needs_is_there_already():
    assert policy().decide(sending(1.5)) is None


def test_what_never_fits_is_left_out():
    """Passes over all that is written never fit, shorter ones do."""
    decision = policy(SATURATED, max_downtime_ms=1000).decide(sending(1.5))
    assert 500 <= decision.action.value <= 900
    assert decision.code == "measured", "QEMU is not meant to stop yet"


@pytest.mark.parametrize(
    "unwilling",
    [
        (policy(None), sending(1.5)),
        (policy(SATURATED, goal=Goal.GENTLE, **SECOND), sending(1.5)),
        (policy(SATURATED, **SECOND), sending(0.9)),
        (policy(SATURATED, **SECOND), sending(2.5)),
        (policy(SATURATED, **SECOND), sending(1.5, limit_code="measured")),
        (policy(SATURATED, **SECOND), sending(1.5, pass_count=1)),
        (policy(SATURATED, max_downtime_ms=40), sending(1.5, limit_ms=20)),
        (policy(SATURATED, **SECOND), Progress()),
    ],
)
def test_only_once_and_only_when_it_is_known(unwilling):
    law, progress = unwilling
    assert law.decide(progress) is None


def after(dirtied_mib, **changes):
    settings = {"limit_ms": 30, "limit_code": "first_limit", **changes}
    return at_pass_end(dirtied_mib, t_s=20, **settings)


def told(decision):
    return decision and (decision.action.value, decision.code)


@pytest.mark.parametrize(
    ("dirtied", "limit_ms", "decision"),
    [
        # Level: 8 MiB are 160 ms, 240 with the margin, 200 are allowed.
        ([8.0, 8.0], 30, (200, "floor_reached")),
        ([4.0, 4.0], 30, (121, "floor_reached")),
        # It fits into what QEMU has already, and QEMU did not take it.
        ([4.0, 4.0], 90, (180, "floor_reached")),
        ([4.0, 4.0], 130, (200, "floor_reached")),
        ([4.0, 4.0], 200, None),
        ([1.0, 1.0], 30, (60, "floor_reached")),
        # Another pass costs next to nothing.
        ([5.0], 30, None),
        ([5.0], 150, (30, "held")),
        # It fits for the second time.
        ([100.0, 9.0, 7.0], 30, (200, "floor_reached")),
        # It does not fit, and half as much is left each time.
        ([100.0, 50.0], 30, None),
        # As much as before, whatever the limit was.
        ([100.0, 100.0], 30, (200, "opened")),
        ([100.0, 100.0], 150, (200, "opened")),
        ([100.0, 100.0], 200, None),
    ],
)
def test_at_the_end_of_a_pass(dirtied, limit_ms, decision):
    """50 MiB/s, L_max 200 ms: 10 MiB; what is not level shrinks."""
    law = policy(QUIET if len(dirtied) != 3 else None)
    given = after(dirtied, limit_ms=limit_ms, limit_pass=0)
    assert told(law.decide(given)) == decision


@pytest.mark.parametrize(
    ("passes", "s", "decision"),
    [(5, 3.0, (30, "held")), (4, 3.0, None), (5, 1.9, None)],
)
def test_a_raised_limit_has_its_time(passes, s, decision):
    """Passes of 50 ms leave 8.5 MiB unsent and find 2.5 dirty: 11, where 10
    are allowed. Held back they would find 8."""
    given = after([4.0, 2.5], limit_ms=200, limit_s=20.0 - s)
    short = Pass(8, 19.9, 19.95, 0, 4 * MIB, unsent_bytes=int(8.5 * MIB))
    given = replace(
        given,
        sample=replace(given.sample, remaining_bytes=11 * MIB),
        passes=(
            short,
            replace(
                short,
                number=9,
                start_s=19.95,
                end_s=20.0,
                dirtied_bytes=int(2.5 * MIB),
            ),
        ),
        pass_count=9,
        limit_pass=9 - passes,
    )
    assert told(policy(SLOPE).decide(given)) == decision


def test_raised_when_passes_run_away():
    quick = Pass(3, 19.0, 19.2, 0, 2 * MIB, merged=True)
    progress = replace(after([100.0, 9.0]), pass_ended=False)
    once = replace(progress, passes=(*progress.passes, quick))
    assert policy().decide(once) is None, "that is how a migration ends"
    progress = replace(once, passes=(*once.passes, quick))
    assert policy().decide(progress).action.value == 200
    full = replace(progress, limit_ms=200)
    assert policy().decide(full) is None


def test_a_rate_that_is_held_down_counts_as_it_is():
    """QEMU multiplies its limit with what flows: 5 MiB at 50 MiB/s of 100."""
    given = after([5.0, 5.0], ahead_bps=100.0 * MIB)
    assert told(policy().decide(given)) == (151, "floor_reached")


#: What 400 Mbit/s carry, about.
LINK_MIB_S = 45.0


def guest(writer):
    return Guest(512 * MIB, 240 * MIB, writer)


class WholeBudget(AdaptivePolicy):
    """L_max from the start, and nothing else."""

    def plan(self):
        return replace(super().plan(), max_downtime_ms=self.limit_max_ms)

    def decide(self, progress):
        return None


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
    """Against the whole budget from the start, even where the curve is wrong
    by a factor: two passes that fit into L_max, two level passes, and 5%. It
    ends wherever that ends."""
    server = guest(kind(rate * MIB, size * MIB) if rate > 0 else Idle())
    known = dirty_curve(server)
    wrong_curve = DirtyCurve(
        tuple(
            CurvePoint(p.period_s, min(p.dirty_bytes * wrong, 240 * MIB))
            for p in known.points
        ),
        known.ceiling_bytes,
    )
    results = []
    for kind_, curve in ((AdaptivePolicy, wrong_curve), (WholeBudget, None)):
        case = Scenario(
            server,
            Hosts(400),
            builders.budget(max_downtime_ms=budget_ms),
            Surroundings(overhead_ms=100, curve=curve),
            cut_s=300.0,
        )
        results.append(simulate(kind_, case))
    ours, plain = results
    assert ours.completed >= plain.completed
    if not plain.completed:
        return
    assert (ours.seen.downtime_ms or 0) <= budget_ms
    lost_s = ours.seen.total_s - plain.seen.total_s
    level_s = max(1.0, 2 * size / LINK_MIB_S)
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
