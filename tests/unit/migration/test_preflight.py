"""Refused with both numbers, or not at all."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.migration.preflight import Verdict, judge
from nova_livemig_gpu.model import (
    GuestMemory,
    OverBudget,
    Prediction,
    Stun,
    Surroundings,
)
from nova_livemig_gpu.prediction import qemu
from tests.builders import MIB, budget

VFIO = Surroundings(overhead_ms=100, vfio=True)
FITS = Prediction(True, 20.0, 250.0, 5, 1e9, 1e6, "fits")
NEVER = Prediction(False, None, None, 9, 1e9, 80 * MIB, "passes do not shrink")


def with_stun(ms, size=None):
    return replace(VFIO, stun=Stun(ms, 2 * ms, size))


def test_the_device_needs_longer_than_the_budget():
    got = judge(budget(max_downtime_ms=500), with_stun(2900, 512 * MIB))
    assert got.refuse
    for part in ("2900 ms", "512 MiB", "max_downtime_ms 500", "400"):
        assert part in got.reason
    assert got.numbers["stun_p50_ms"] == 2900
    assert got.numbers["max_downtime_ms"] == 500


@pytest.mark.parametrize("allowed", [OverBudget.WARN, OverBudget.ALLOW])
def test_it_may_go_all_the_same_and_that_is_told(allowed):
    got = judge(budget(over_budget=allowed), with_stun(2900))
    assert not got.refuse
    assert allowed.value in got.reason


def test_it_says_where_the_setting_came_from():
    wanted = budget(sources={"over_budget": "flavor"})
    assert "from flavor" in judge(wanted, with_stun(2900)).reason


def test_a_guess_is_told_and_refuses_nothing():
    guess = Stun(24_000.0, 66_000.0, 80 * 10**9, guess=True)
    longer = replace(FITS, downtime_ms=24_250.0, stun=guess)
    got = judge(budget(), replace(VFIO, stun=guess, forecast=longer))
    assert not got.refuse
    assert "24000 ms" in got.reason and "a guess" in got.reason
    small = Stun(20.0, 66_000.0, guess=True)
    assert judge(budget(), replace(VFIO, stun=small)) == Verdict()


def test_beside_a_guess_memory_is_judged_as_ever():
    guess = Stun(24_000.0, 66_000.0, 80 * 10**9, guess=True)
    never = replace(VFIO, stun=guess, forecast=NEVER)
    assert judge(budget(), never).refuse
    long = replace(FITS, downtime_ms=24_900.0, stun=guess)
    got = judge(budget(), replace(VFIO, stun=guess, forecast=long))
    assert got.refuse and "900 ms" in got.reason


def test_memory_that_does_not_converge():
    got = judge(budget(), replace(VFIO, forecast=NEVER))
    assert got.refuse
    assert "80 MiB" in got.reason
    assert "passes do not shrink" in got.reason


def test_memory_that_takes_more_than_an_hour():
    whole = GuestMemory(6 * 2**40 / 4096, 0)
    ahead = qemu.predict(whole, None, 1.25e9, 200)
    assert ahead.total_s is not None and ahead.total_s > 5000
    assert judge(budget(), replace(VFIO, forecast=ahead)) == Verdict()


def test_a_pause_that_is_too_long():
    long = replace(FITS, downtime_ms=900.0)
    got = judge(budget(max_downtime_ms=300), replace(VFIO, forecast=long))
    assert got.refuse
    assert "900 ms" in got.reason and "300" in got.reason


@pytest.mark.parametrize(
    "around",
    [
        VFIO,
        with_stun(150),
        replace(VFIO, forecast=FITS),
        replace(with_stun(2900), vfio=False),
        Surroundings(overhead_ms=0, forecast=NEVER),
    ],
    ids=["unknown", "fits", "forecast fits", "no device", "plain"],
)
def test_what_is_not_over(around):
    assert judge(budget(), around) == Verdict()


@given(
    st.floats(0, 1e7), st.integers(10, 2_000_000), st.sampled_from(OverBudget)
)
def test_only_refuse_refuses_and_always_with_a_reason(stun, most, allowed):
    got = judge(
        budget(max_downtime_ms=most, over_budget=allowed), with_stun(stun)
    )
    assert not (got.refuse and got.reason is None)
    assert not got.refuse or allowed is OverBudget.REFUSE
    if stun > most:
        assert got.reason is not None


@pytest.mark.parametrize(("learnt_from", "over"), [(0, False), (5, True)])
def test_it_counts_what_the_scheduler_counts(learnt_from, over):
    """The median of a GPU that is new here, P90 once it is known."""
    stun = Stun(300.0, 900.0, learnt_from=learnt_from)
    got = judge(budget(max_downtime_ms=500), replace(VFIO, stun=stun))
    assert got.refuse is over
    assert stun.held_ms == (900.0 if over else 300.0)
    if over:
        assert "900 ms" in got.reason
