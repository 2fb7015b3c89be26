"""The predicted stun against the server's budget, link by link."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.scheduler import stun_check
from nova_livemig_gpu.scheduler.needs import StunNeeds
from nova_livemig_gpu.scheduler.vgpu_filter import VGPUCompatibilityFilter
from tests import builders_facts as builders
from tests.unit.scheduler.fakes import migration

NEED = StunNeeds(724.0, 1000, 25_000, over_budget="refuse")
NEEDS = builders.needs(stun=NEED)
RULES = Rules()


def test_the_worked_example() -> None:
    assert stun_check.stun_ms(NEED, 10_000) == 1810
    assert stun_check.check(NEED, 25_000) is None
    verdict = stun_check.check(NEED, 10_000)
    assert verdict is not None
    assert (verdict.code, verdict.ok) == ("vgpu.stun", False)
    assert "1810 ms over 10000 Mbit/s" in verdict.reason
    assert "max_downtime_ms is 1000" in verdict.reason


@pytest.mark.parametrize(
    ("here", "there", "expected_ms"),
    [
        (25_000, 25_000, 724),
        (25_000, 100_000, 724),  # the slower of the two is the source's
        (25_000, 12_500, 1448),
        (25_000, None, 724),
        (None, 10_000, 724),
        (None, None, 724),
    ],
)
def test_the_slower_link_counts_where_both_are_known(
    here: int | None, there: int | None, expected_ms: float
) -> None:
    need = replace(NEED, link_mbps=here)
    assert stun_check.stun_ms(need, there) == expected_ms


def test_without_links_the_stun_alone_can_be_too_long() -> None:
    need = replace(NEED, link_mbps=None, max_downtime_ms=700)
    verdict = stun_check.check(need, None)
    assert verdict is not None and "of unknown speed" in verdict.reason


@given(
    st.floats(1, 1e7),
    st.integers(1, 10**7),
    st.one_of(st.none(), st.integers(1, 10**7)),
)
def test_never_shorter_than_what_its_host_says(
    held_ms: float, here: int, there: int | None
) -> None:
    assert stun_check.stun_ms(StunNeeds(held_ms, 1, here), there) >= held_ms


def a_host(name: str, **facts: Any) -> Any:
    return builders.host_state(name, builders.a_host(**facts))


def passing(need: StunNeeds, hosts: list[Any], rules: Rules) -> list[str]:
    found = VGPUCompatibilityFilter().filter_all(
        hosts, migration(builders.needs(stun=need), rules)
    )
    return [each.host for each in found]


@pytest.mark.parametrize(
    ("over_budget", "names", "line"),
    [
        ("refuse", ["fast", "unknown"], ("INFO", "vgpu.stun: 1 (slow)")),
        (
            "warn",
            ["slow", "fast", "unknown"],
            ("WARNING", "vgpu.stun_accepted: 1 (slow)"),
        ),
        ("allow", ["slow", "fast", "unknown"], None),
    ],
)
def test_the_filter(
    over_budget: str,
    names: list[str],
    line: tuple[str, str] | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    hosts = [
        a_host("slow", link_mbps=10_000),
        a_host("fast"),
        a_host("unknown", link_mbps=None),
    ]
    need = replace(NEED, over_budget=over_budget)
    assert passing(need, hosts, Rules()) == names
    told = [(r.levelname, r.getMessage()) for r in caplog.records]
    assert len(told) == (line is not None)
    if line is not None:
        assert told[0][0] == line[0] and line[1] in told[0][1]


def test_a_host_that_tells_nothing_is_judged_by_the_stun_alone() -> None:
    rules = Rules(unknown_facts="allow")
    hosts = [builders.host_state("mute"), a_host("fast")]
    assert passing(NEED, hosts, rules) == ["mute", "fast"]


def test_a_full_host_is_refused_for_what_stays() -> None:
    """Room may be there again by now; the pause will be as long."""
    full = (builders.a_type(1, creatable=0),)
    host = builders.a_host(
        gpus=(builders.a_gpu(types=full),), link_mbps=10_000
    )
    judge = VGPUCompatibilityFilter().judge(NEEDS, RULES)
    (found,) = judge(builders.table(host))
    assert found.code == "vgpu.stun"


def test_a_prediction_that_is_not_there_refuses_nobody() -> None:
    judge = VGPUCompatibilityFilter().judge(builders.needs(), RULES)
    slow = builders.a_host(link_mbps=1)
    (found,) = judge(builders.table(slow))
    assert found.code == "vgpu.ok"
