"""No step without return over a link that has just fallen."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.model import ActionKind, OnTimeout, Surroundings
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.policies.link_fall import has_fallen
from nova_livemig_gpu.policies.progress import Progress
from tests import builders
from tests.builders import MIB, at_pass_end, sample


def flowing(*rates_mib_s, left_mib=500.0, since=None):
    """A second at each rate, looked at every quarter, in one pass."""
    progress = since or Progress()
    t_s = progress.elapsed_s
    sample_ = progress.sample
    sent = ((sample_ and sample_.processed_bytes) or 0) / MIB
    for rate in rates_mib_s:
        for _ in range(4):
            t_s, sent = t_s + 0.25, sent + rate / 4
            progress = progress.advance(sample(t_s, 1, sent, left_mib))
    return progress


@pytest.mark.parametrize(
    ("rates", "fallen"),
    [
        # What it has shown.
        ([100] * 10, False),
        ([100] * 8 + [60] * 3, False),
        # A small part of that, or nothing.
        ([100] * 8 + [40] * 3, True),
        ([100] * 8 + [1] * 3, True),
        ([100] * 8 + [0] * 3, True),
        # Half a second is enough to see it, two are needed to believe it.
        ([100] * 8 + [1], True),
        ([100] * 8 + [1] * 9 + [90], True),
        ([100] * 8 + [1] * 9 + [100] * 3, False),
        # Slow from the beginning, and slowly faster.
        ([10] * 10, False),
        ([5, 5, 6, 6, 8, 8, 10, 10], False),
        # The socket takes the first second's bytes.
        ([500] + [40] * 10, False),
        # Nothing is known.
        ([], False),
        ([100], False),
    ],
)
def test_what_it_has_shown(rates, fallen):
    progress = flowing(*rates)
    assert has_fallen(progress, 500.0 * MIB) is fallen


def test_a_slow_ramp_ends_in_a_small_part_too():
    down = [100 * 0.99**n for n in range(200)]
    assert has_fallen(flowing(*down), 500.0 * MIB)


def test_what_costs_little_is_no_harm():
    """40 MiB/s of 100: 300 MiB need 4.5 s more, 400 need 6."""
    slow = flowing(*[100] * 8, *[40] * 3)
    assert not has_fallen(slow, 300.0 * MIB)
    assert has_fallen(slow, 400.0 * MIB)


@pytest.mark.parametrize(("rate", "fallen"), [(30, False), (9, True)])
def test_after_ten_minutes_it_is_such_a_link(rate, fallen):
    before = flowing(*[100] * 8, *[rate] * 590)
    assert has_fallen(before, 500.0 * MIB)
    later = flowing(*[rate] * 20, since=before)
    assert has_fallen(later, 500.0 * MIB) is fallen


def test_a_rate_that_was_limited_by_us_is_no_fall():
    slow = flowing(*[100] * 8, *[20] * 3)
    limited = replace(slow, bandwidth_mib_s=20)
    assert has_fallen(slow, 500.0 * MIB)
    assert not has_fallen(limited, 500.0 * MIB)
    assert has_fallen(replace(slow, bandwidth_mib_s=0), 500.0 * MIB)


@given(
    rates=st.lists(st.floats(0, 1000), max_size=12),
    left=st.floats(0, 1e6),
)
def test_never_where_half_of_the_best_flows(rates, left):
    progress = flowing(*rates, *[1000.0] * 4)
    assert not has_fallen(progress, left * MIB)


def policy(**settings):
    return AdaptivePolicy(
        builders.budget(postcopy=True, **settings),
        Surroundings(overhead_ms=100),
    )


def stuck(now_mib_s, **changes):
    """500 MiB after each pass; 50 MiB/s were seen."""
    progress = at_pass_end([500.0] * 5, t_s=50)
    window = tuple(
        sample(t_s, 5, 1000 + now_mib_s * (t_s - 48))
        for t_s in (48.0, 48.5, 49.0, 49.5, 49.9)
    )
    return replace(
        progress,
        window=(*window, progress.sample),
        **{"best_bps": 50.0 * MIB, "best_bps_s": 47.0, **changes},
    )


def test_the_switch_is_put_off_and_that_is_said_once():
    law = policy()
    assert law.decide(stuck(50)).action.kind is ActionKind.START_POSTCOPY
    said = law.decide(stuck(1))
    assert said.action.kind is ActionKind.WARN
    assert said.code == "link_fallen"
    for words in ("1.0 MiB/s", "50.0 MiB/s", "500 s", "10 s", "taken back"):
        assert words in said.reason
    again = law.decide(stuck(1, warnings=(said,)))
    assert again is None or again.action.kind is ActionKind.SET_DOWNTIME


def test_a_dead_link_needs_for_ever():
    assert "would need for ever" in policy().decide(stuck(0)).reason


def test_the_deadline_does_not_ask():
    law = policy(timeout_s=10, on_timeout=OnTimeout.POSTCOPY)
    decision = law.decide(stuck(1))
    assert decision.code == "deadline"
    assert decision.action.kind is ActionKind.START_POSTCOPY


def test_it_is_made_up_for_inside_a_pass():
    law = policy()
    said = law.decide(stuck(1))
    back = replace(stuck(50, warnings=(said,)), pass_ended=False)
    back = replace(back, window=back.window[:-1])
    assert law.decide(back).action.kind is ActionKind.START_POSTCOPY
    never_said = replace(back, warnings=())
    assert law.decide(never_said) is None
