"""How migrations share a link."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.policies.sharing import (
    UNKNOWN,
    Demand,
    capacity_bps,
    divide,
    even,
    least_bps,
    may_go,
    urged,
)

MB = 1e6
C = 117.5 * MB

BPS = st.floats(0, 1e10)
DEMANDS = st.builds(
    Demand,
    st.none() | st.just(0.0) | BPS,
    st.none() | st.floats(1e5, 1e10),
)
CAPACITIES = st.floats(1e6, 2e10)


def mb(*values):
    return [value and value * MB for value in values]


def test_the_documented_example():
    first, second = Demand(60 * MB), Demand(0.0)
    assert capacity_bps(1000, 0) == pytest.approx(C)
    assert divide(C, [first, second]) == pytest.approx(mb(60, 57.5))
    assert not may_go(C, [first, second], False, Demand(60 * MB))
    assert may_go(C, [first], False, Demand(40 * MB))
    third = Demand(30 * MB)
    assert may_go(C, [first, second], False, third)
    assert divide(C, [first, second, third]) == pytest.approx(mb(60, 27.5, 30))


def test_the_capacity():
    assert capacity_bps(None, 20) is None
    assert capacity_bps(0, 0) is None
    assert capacity_bps(1000, 20) == pytest.approx(94 * MB)


def test_an_even_split_is_what_all_get_who_need_little():
    assert divide(C, [Demand(0.0)] * 4) == pytest.approx([C / 4] * 4)


def test_what_one_may_not_send_the_others_have():
    shares = divide(C, [Demand(0.0, 10 * MB), Demand(0.0)])
    assert shares == pytest.approx(mb(10, 107.5))


def test_a_need_that_grew_too_large_is_met_in_order_of_arrival():
    first, second = divide(C, [Demand(90 * MB), Demand(90 * MB)])
    assert first == pytest.approx(90 * MB)
    assert second == pytest.approx(27.5 * MB)


def test_of_whom_nothing_is_known_tcp_decides():
    assert divide(C, [UNKNOWN, Demand(0.0)]) == (None, pytest.approx(C / 2))


@given(capacity=CAPACITIES, demands=st.lists(DEMANDS, max_size=8))
def test_shares_are_never_more_than_the_link(capacity, demands):
    shares = divide(capacity, demands)
    unknown = shares.count(None) * capacity / max(len(shares), 1)
    known = [share for share in shares if share is not None]
    assert sum(known) + unknown <= capacity * (1 + 1e-6)
    for share, demand in zip(shares, demands, strict=True):
        assert (share is None) == (demand.need_bps is None)
        if share is not None:
            assert share > 0
            assert share <= (demand.most_bps or capacity) * (1 + 1e-9)


@given(capacity=CAPACITIES, demands=st.lists(DEMANDS, max_size=8))
def test_nothing_is_left_lying(capacity, demands):
    """Unless everyone has the most that it may have."""
    shares = divide(capacity, demands)
    known = [
        (share, demand)
        for share, demand in zip(shares, demands, strict=True)
        if share is not None
    ]
    if not known:
        return
    pool = capacity * len(known) / len(demands)
    full = all(
        share >= min(demand.most_bps or pool, pool) * (1 - 1e-6)
        for share, demand in known
    )
    total = sum(share for share, _ in known)
    assert full or total == pytest.approx(pool, rel=1e-6)


@given(capacity=CAPACITIES, demands=st.lists(DEMANDS, max_size=6), new=DEMANDS)
def test_who_was_let_in_takes_from_nobody_what_it_needs(
    capacity, demands, new
):
    """And gets what it needs itself; of those of whom it is known."""
    if not demands or not may_go(capacity, demands, False, new):
        return
    if new.need_bps is None:
        return
    every = [*demands, new]
    for share, demand in zip(divide(capacity, every), every, strict=True):
        if share is not None:
            most = demand.most_bps or capacity
            assert share >= min(demand.need_bps, most) * (1 - 1e-6)


@given(capacity=CAPACITIES, new=DEMANDS)
def test_who_is_alone_goes(capacity, new):
    assert may_go(capacity, [], False, new)


@given(capacity=CAPACITIES, demands=st.lists(DEMANDS, max_size=6))
def test_nobody_waits_of_whom_nothing_is_known(capacity, demands):
    assert may_go(capacity, demands, True, UNKNOWN)


@given(capacity=CAPACITIES, count=st.integers(1, 6))
def test_nobody_waits_for_those_who_need_nothing(capacity, count):
    """They may use post-copy, or would not end even alone."""
    assert may_go(capacity, [Demand(0.0)] * count, False, Demand(0.0))


@given(capacity=CAPACITIES, demands=st.lists(DEMANDS, min_size=1, max_size=6))
def test_one_that_leaves_makes_room(capacity, demands):
    """Who may go beside many may go beside fewer."""
    known = [each for each in demands if each.need_bps is not None]
    new = Demand(capacity / 3)
    if known and may_go(capacity, known, False, new):
        assert may_go(capacity, known[1:], False, new)


def test_order_of_arrival_among_those_that_wait():
    small = Demand(10 * MB)
    assert may_go(C, [Demand(60 * MB)], False, small)
    assert not may_go(C, [Demand(60 * MB)], True, small)
    assert not may_go(C, [], True, small), "the first is about to go"
    assert may_go(C, [Demand(60 * MB)], True, Demand(0.0))


def test_an_even_split_is_enough_or_not():
    assert even(C, [])
    assert even(C, [Demand(C)])
    assert even(C, [Demand(58 * MB), UNKNOWN])
    assert not even(C, [Demand(60 * MB), UNKNOWN])
    assert even(C, [Demand(60 * MB, 50 * MB), UNKNOWN]), "it may not send it"


def test_tcp_splits_between_connections():
    many, one = Demand(0.0, flows=8), Demand(20 * MB)
    assert even(C, [Demand(0.0), one])
    assert not even(C, [many, one]), "a ninth of it"
    assert even(C, [many, Demand(13 * MB)])
    assert even(C, [Demand(100 * MB, flows=8), Demand(13 * MB)])


@given(capacity=CAPACITIES, demands=st.lists(DEMANDS, max_size=6))
def test_who_has_what_it_needs_evenly_has_it_by_shares(capacity, demands):
    if not even(capacity, demands):
        return
    for share, demand in zip(divide(capacity, demands), demands, strict=True):
        if share is not None:
            most = demand.most_bps or capacity
            assert share >= min(demand.need_bps, most) * (1 - 1e-6)


def test_least():
    assert least_bps(1e9) == 50e6 / 8
    assert least_bps(8 * MB, 4) == MB


def test_where_there_is_not_enough_the_first_is_soon_out_of_the_way():
    enough = [Demand(60 * MB), Demand(50 * MB)]
    assert urged(C, enough) == enough
    short = [Demand(70 * MB), UNKNOWN, Demand(0.0), Demand(60 * MB)]
    needs = [each.need_bps for each in urged(C, short)]
    assert needs == [pytest.approx(112 * MB), None, 0.0, 96 * MB]
