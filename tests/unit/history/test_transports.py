"""What a migration is sent over, with much or little known."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.history import transports
from nova_livemig_gpu.history.entry import Settings
from nova_livemig_gpu.history.store import History
from nova_livemig_gpu.history.transports import Link, Route
from nova_livemig_gpu.model import JobState, Outcome
from tests import builders_history as builders

NOW = builders.NOW
FOUR = Settings(channels=4)
ROUTE = Route("one", "two", builders.SERVER, overhead_ms=50.0)
OWN = Link(400, "this host's; the destination's is unknown")


@pytest.fixture
def history(tmp_path):
    found = History(tmp_path / "history.sqlite3")
    yield found
    found.close()


def find(history, **changes):
    return transports.find(history, replace(ROUTE, **changes), NOW)


def learn(history, first, *rates_bps, **changes):
    for n, bps in enumerate(rates_bps):
        assert history.add(
            builders.entry(first + n, bandwidth_bps=bps, **changes)
        )


def test_nothing_is_known():
    way = find(None)
    assert way.transport is None
    assert "no migration between these hosts is known" in way.rests_on


def test_the_link_where_nothing_was_learnt(history):
    way = find(history, link=OWN)
    assert way.transport.bandwidth_bps == 50e6
    assert "at most, 400 Mbit/s of the link (this host's" in way.rests_on
    assert way.transport.bandwidth_low_bps is None
    shared = find(history, link=OWN, running=3)
    assert shared.transport.bandwidth_bps == 12.5e6
    assert "shared with 3 others" in shared.rests_on


def test_what_was_learnt_goes_before_the_link(history):
    learn(history, 0, 40e6, 40e6, 44e6)
    way = find(history, link=OWN)
    assert way.transport.bandwidth_bps == pytest.approx(40e6, rel=0.1)
    assert "migrations between these hosts (3)" in way.rests_on
    # another destination is another way
    other = find(history, link=OWN, destination="three")
    assert other.transport.bandwidth_bps == 50e6
    nowhere = find(history, link=OWN, destination=None)
    assert nowhere.transport.bandwidth_bps == 50e6


def test_what_may_be_sent(history):
    learn(history, 0, 40e6, 40e6)
    slow = find(history, most_mbps=80)
    assert slow.transport.bandwidth_bps == 10e6
    assert "bandwidth_mbps" in slow.rests_on
    assert find(history, most_mbps=8000).transport.bandwidth_bps == 40e6
    assert find(None, most_mbps=80).transport.bandwidth_bps == 10e6


def test_what_is_given_goes_before_all(history):
    learn(history, 0, 40e6)
    learn(history, 5, 80e6, settings=FOUR)
    way = find(history, given_bps=1e6, settings=FOUR, link=OWN, running=2)
    assert way.transport.bandwidth_bps == 1e6
    assert way.transport.effect == 1.0
    assert way.rests_on == "bandwidth: given"


def test_the_effect_of_multifd(history):
    learn(history, 0, 40e6, 40e6)
    unknown = find(history, settings=FOUR)
    assert unknown.transport.effect == 1.0
    assert "no effect" in unknown.rests_on
    learn(history, 5, 64e6, 64e6, settings=FOUR)
    assert find(history, settings=FOUR).transport.effect == pytest.approx(1.6)
    assert find(history).transport.effect == 1.0
    # no more than may be sent, or than the link carries
    capped = find(history, settings=FOUR, most_mbps=400).transport
    assert capped.bandwidth_bps * capped.effect == pytest.approx(50e6)
    capped = find(history, settings=FOUR, link=OWN).transport
    assert capped.bandwidth_bps * capped.effect == pytest.approx(50e6)


def test_only_migrations_that_completed_show_an_effect(history):
    learn(history, 0, 40e6)
    failed = Outcome(JobState.FAILED, reason="no")
    learn(history, 5, 80e6, settings=FOUR, outcome=failed)
    assert find(history, settings=FOUR).transport.effect == 1.0


def test_the_server_shows_its_own_effect_first(history):
    """How well it compresses depends on what is in it."""
    zlib = Settings(compression="zlib")
    other = "11111111-2222-4333-8444-555555555555"
    curve = builders.typical(1).curve
    learn(history, 0, 40e6)
    learn(history, 5, 120e6, settings=zlib, server=other, curve=curve)
    assert find(history, settings=zlib).transport.effect == pytest.approx(3)
    learn(history, 9, 20e6, settings=zlib, curve=curve)
    assert find(history, settings=zlib).transport.effect == pytest.approx(0.5)


def test_another_pair_shows_an_effect_last(history):
    learn(history, 0, 40e6)
    learn(history, 2, 10e6, source="five", destination="six")
    learn(history, 5, 20e6, source="five", destination="six", settings=FOUR)
    assert find(history, settings=FOUR).transport.effect == pytest.approx(2)


def test_an_effect_does_not_count_twice(history):
    learn(history, 0, 64e6, 64e6, settings=FOUR)
    way = find(history, settings=FOUR)
    assert way.transport.bandwidth_bps == 64e6
    assert way.transport.effect == 1.0


ANY = st.one_of(st.none(), st.floats(allow_nan=True), st.integers(-10, 10**7))


@given(
    most=ANY,
    link=ANY,
    bps=ANY,
    running=st.integers(0, 1000),
    channels=st.sampled_from([None, 4]),
)
def test_bad_numbers_are_missing(most, link, bps, running, channels):
    """Never NaN, never 0, never more than may be sent."""
    way = find(
        None,
        given_bps=bps,
        most_mbps=most,
        link=None if link is None else Link(link, "this host's"),
        running=running,
        settings=Settings(channels=channels),
    )
    if way.transport is None:
        assert way.rests_on
        return
    rate = way.transport.bandwidth_bps * way.transport.effect
    assert math.isfinite(rate) and rate > 0
    if most is not None and math.isfinite(most) and most > 0:
        assert rate <= most * 125_000 * (1 + 1e-9)


def test_learnt_nonsense_is_missing(history):
    """As an import may bring."""
    learn(history, 0, -5.0, -5.0, -5.0)
    assert find(history).transport is None
    assert find(history, link=OWN).transport.bandwidth_bps == 50e6
    learn(history, 5, 1e-300, source="five", destination="six")
    learn(history, 6, 1e6, source="five", destination="six", settings=FOUR)
    assert find(history, link=OWN, settings=FOUR).transport.effect == 1.0
    learn(history, 9, *[40e6] * 9)
    assert find(history, settings=FOUR).transport.effect == 10.0
