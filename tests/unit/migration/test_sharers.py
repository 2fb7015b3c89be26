"""The books of a host's link, and those who wait."""

import contextlib
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_livemig_gpu.migration.sharers import Sharers, Terms
from nova_livemig_gpu.policies.sharing import UNKNOWN, Demand

PATIENCE_S = 10
MB = 1e6
C = 100 * MB
TERMS = Terms(C, wait_s=60)
#: Two of them do not fit.
LARGE = Demand(60 * MB)


class Server:
    """A migration in a thread of its own."""

    def __init__(self, sharers, name, demand=LARGE, terms=TERMS, dies=False):
        self.waits, self.begun = threading.Event(), threading.Event()
        self.may_end = threading.Event()
        self.lane = self.waited_s = None
        self._args = sharers, name, demand, terms, dies
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        sharers, name, demand, terms, dies = self._args
        with (
            contextlib.suppress(ZeroDivisionError),
            sharers.lane(name) as lane,
        ):
            self.lane = lane
            self.waited_s = lane.enter(
                demand, terms, lambda each: self.waits.set()
            )
            self.begun.set()
            assert self.may_end.wait(PATIENCE_S)
            if dies:
                raise ZeroDivisionError

    def end(self):
        self.may_end.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


def begun(*servers):
    return all(each.begun.wait(PATIENCE_S) for each in servers)


def waits(server):
    assert server.waits.wait(PATIENCE_S)
    return not server.begun.is_set()


@pytest.mark.parametrize("dies", [False, True])
def test_the_newer_waits_until_the_older_has_gone(dies):
    """Whatever became of that."""
    sharers = Sharers()
    first = Server(sharers, "a", dies=dies)
    assert begun(first) and not first.waits.is_set()
    second = Server(sharers, "b")
    assert waits(second)
    assert (sharers.running(), sharers.waiting()) == (("a",), ("b",))
    first.end()
    assert begun(second)
    assert sharers.running() == ("b",)
    second.end()
    assert sharers.running() == ()


def test_order_of_arrival():
    sharers = Sharers()
    first = Server(sharers, "a")
    assert begun(first)
    second = Server(sharers, "b")
    assert waits(second)
    third = Server(sharers, "c", Demand(50 * MB))
    assert waits(third)
    assert sharers.waiting() == ("b", "c")
    first.end()
    assert begun(second) and not third.begun.is_set()
    second.end()
    assert begun(third)
    third.end()


def test_one_that_turns_out_to_need_less_lets_the_next_go():
    """Or that would not end at all: nobody waits for it."""
    sharers = Sharers()
    first = Server(sharers, "a")
    assert begun(first)
    second = Server(sharers, "b")
    assert waits(second)
    first.lane.changed(Demand(0.0))
    assert begun(second)
    assert first.lane.share_bps() == pytest.approx(40 * MB)
    assert second.lane.share_bps() == pytest.approx(60 * MB)
    first.end()
    assert second.lane.share_bps() is None, "alone"
    second.end()


def test_nobody_waits_for_ever():
    sharers = Sharers()
    first = Server(sharers, "a")
    assert begun(first)
    second = Server(sharers, "b", terms=Terms(C, wait_s=0.2))
    assert begun(second)
    assert 0.2 <= second.waited_s < PATIENCE_S
    assert second.lane.facts() == {
        "waited_s": round(second.waited_s, 1),
        "need_bps": 60 * MB,
        "most_bps": None,
        "capacity_bps": C,
    }
    assert sharers.waiting() == ()
    for each in (first, second):
        each.end()


def test_waiting_can_be_off():
    sharers = Sharers()
    first, second = (
        Server(sharers, each, terms=Terms(C, wait_s=0)) for each in "ab"
    )
    assert begun(first, second)
    assert not second.waits.is_set()
    assert first.lane.share_bps() + second.lane.share_bps() <= C * 1.000001
    for each in (first, second):
        each.end()


def test_waiting_is_given_up():
    sharers = Sharers()
    first = Server(sharers, "a")
    assert begun(first)
    second = Server(sharers, "b")
    assert waits(second)
    second.lane.cancel()
    assert begun(second) and second.lane.cancelled
    for each in (first, second):
        each.end()


def test_one_that_is_given_up_before_it_comes_does_not_wait():
    sharers = Sharers()
    first = Server(sharers, "a")
    assert begun(first)
    with sharers.lane("b") as lane:
        lane.cancel()
        assert lane.enter(LARGE, TERMS, lambda each: None) < PATIENCE_S
    first.end()


def test_a_fault_while_it_is_told_that_it_waits_does_not_keep_others():
    sharers = Sharers()
    with sharers.lane("a") as first:
        first.enter(LARGE, TERMS, lambda lane: None)
        with sharers.lane("b") as second:
            with pytest.raises(ZeroDivisionError):
                second.enter(LARGE, TERMS, lambda lane: 1 / 0)
            assert sharers.waiting() == ()


def enter(sharers, stack, demand, terms):
    lane = stack.enter_context(sharers.lane("x"))
    lane.enter(demand, terms, lambda each: None)
    return lane


def test_no_speed_of_the_link_is_novas_behaviour():
    sharers = Sharers()
    with contextlib.ExitStack() as stack:
        lanes = [
            enter(sharers, stack, LARGE, Terms(None, wait_s=60))
            for _ in range(3)
        ]
        assert [lane.share_bps() for lane in lanes] == [None] * 3


def test_nothing_known_is_novas_behaviour():
    sharers = Sharers()
    with contextlib.ExitStack() as stack:
        first = enter(sharers, stack, UNKNOWN, TERMS)
        second = enter(sharers, stack, UNKNOWN, TERMS)
        assert first.share_bps() is second.share_bps() is None


def test_a_reserve_binds_all():
    """One that is alone, and those of which nothing is known."""
    sharers = Sharers()
    reserved = Terms(C, reserved=True, wait_s=60)
    with contextlib.ExitStack() as stack:
        first = enter(sharers, stack, LARGE, reserved)
        assert first.share_bps() == C
        second = enter(sharers, stack, UNKNOWN, reserved)
        assert second.share_bps() == C / 2
        assert first.share_bps() == C / 2


def test_who_has_not_entered_takes_no_room():
    sharers = Sharers()
    with contextlib.ExitStack() as stack:
        first = enter(sharers, stack, LARGE, TERMS)
        other = stack.enter_context(sharers.lane("b"))
        assert first.share_bps() is None
        assert other.share_bps() is None


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["come", "go", "change"]),
        st.integers(0, 5),
        st.none() | st.floats(0, 2 * C),
    ),
    max_size=30,
)


@settings(max_examples=100, deadline=None)
@given(steps=STEPS, reserved=st.booleans())
def test_whatever_happens_shares_fit_and_nobody_is_left_behind(
    steps, reserved
):
    sharers = Sharers()
    terms = Terms(C, reserved=reserved)
    lanes = []
    with contextlib.ExitStack() as outer:
        for what, which, need in steps:
            if what == "come":
                stack = outer.enter_context(contextlib.ExitStack())
                lane = enter(sharers, stack, Demand(need), terms)
                lanes.append((lane, stack))
            elif lanes:
                lane, stack = lanes[which % len(lanes)]
                if what == "go":
                    stack.close()
                    lanes.remove((lane, stack))
                else:
                    lane.changed(Demand(need))
            shares = [lane.share_bps() for lane, _ in lanes]
            known = sum(share for share in shares if share is not None)
            assert known <= C * (1 + 1e-6)
            if reserved:
                assert None not in shares
        assert len(sharers.running()) == len(lanes)
    assert sharers.running() == ()
