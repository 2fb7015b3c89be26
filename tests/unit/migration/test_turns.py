"""The queue, with real threads."""

import threading

import pytest

from nova_livemig_gpu.migration.turns import Turns

PATIENCE_S = 10


class Waiter(threading.Thread):
    """Takes a turn and keeps it until told."""

    def __init__(self, turns, name, error=None, wait_s=60):
        super().__init__(daemon=True)
        self._turns = turns
        self._as = name
        self._error = error
        self._wait_s = wait_s
        self.waits = threading.Event()
        self.runs = threading.Event()
        self.may_end = threading.Event()
        self.ticket = None
        self.start()

    def run(self):
        try:
            with self._turns.turn(
                self._as, self._wait_s, self._on_wait
            ) as ticket:
                self.ticket = ticket
                self.runs.set()
                assert self.may_end.wait(PATIENCE_S)
                if self._error:
                    raise self._error
        except RuntimeError:
            pass

    def _on_wait(self, ticket):
        self.ticket = ticket
        self.waits.set()

    def done(self):
        self.may_end.set()
        self.join(PATIENCE_S)
        assert not self.is_alive()


@pytest.fixture
def queue():
    """Three, in this order; the first has its turn."""
    turns = Turns()
    waiters = []
    for name in "abc":
        waiter = Waiter(turns, name)
        event = waiter.waits if waiters else waiter.runs
        assert event.wait(PATIENCE_S)
        waiters.append(waiter)
    yield turns, waiters
    for waiter in waiters:
        waiter.done()


def test_first_come_first_served(queue):
    turns, (a, b, c) = queue
    assert turns.names() == ("a", "b", "c")
    assert not b.runs.is_set()
    a.done()
    assert b.runs.wait(PATIENCE_S)
    assert not c.runs.is_set()
    b.done()
    assert c.runs.wait(PATIENCE_S)
    c.done()
    assert turns.names() == ()


def test_one_that_waits_can_be_aborted(queue):
    turns, (a, b, c) = queue
    b.ticket.cancel()
    assert b.runs.wait(PATIENCE_S)
    assert b.ticket.cancelled
    b.done()
    assert turns.names() == ("a", "c")
    assert not c.runs.is_set()
    a.done()
    assert c.runs.wait(PATIENCE_S)
    assert not c.ticket.cancelled


def test_none_waits_longer_than_it_may():
    """Those behind it still wait for all that are before them."""
    turns = Turns()
    first = Waiter(turns, "a")
    assert first.runs.wait(PATIENCE_S)
    second = Waiter(turns, "b", wait_s=0.1)
    assert second.runs.wait(PATIENCE_S)
    assert second.ticket.overdue and not second.ticket.cancelled
    third = Waiter(turns, "c")
    assert third.waits.wait(PATIENCE_S)
    first.done()
    assert turns.names() == ("b", "c")
    assert not third.runs.is_set()
    second.done()
    assert third.runs.wait(PATIENCE_S)
    assert not third.ticket.overdue
    third.done()


def test_the_clock_is_the_one_that_is_given():
    now = iter([0.0, 59.9, 60.0])
    turns = Turns(lambda: next(now))
    first = Waiter(turns, "a")
    assert first.runs.wait(PATIENCE_S)
    turns._condition.wait = lambda seconds: None
    second = Waiter(turns, "b")
    assert second.runs.wait(PATIENCE_S)
    assert second.ticket.overdue
    assert list(now) == []
    for each in (first, second):
        each.done()


def test_waiting_can_be_off():
    turns = Turns()
    first = Waiter(turns, "a")
    assert first.runs.wait(PATIENCE_S)
    second = Waiter(turns, "b", wait_s=0)
    assert second.runs.wait(PATIENCE_S)
    assert not second.waits.is_set()
    for each in (first, second):
        each.done()


def test_an_exception_does_not_block_the_queue():
    turns = Turns()
    first = Waiter(turns, "a", error=RuntimeError("migration failed"))
    assert first.runs.wait(PATIENCE_S)
    second = Waiter(turns, "b")
    assert second.waits.wait(PATIENCE_S)
    first.done()
    assert second.runs.wait(PATIENCE_S)
    second.done()


def test_an_exception_while_it_begins_to_wait_does_not_block_it():
    turns = Turns()
    first = Waiter(turns, "a")
    assert first.runs.wait(PATIENCE_S)

    def broken(ticket):
        raise RuntimeError("database is away")

    with pytest.raises(RuntimeError), turns.turn("b", 60, broken):
        pytest.fail("it has no turn")
    assert turns.names() == ("a",)
    first.done()


def test_the_same_server_twice():
    turns = Turns()
    for _ in range(2):
        with turns.turn("a", 60, pytest.fail) as ticket:
            assert not ticket.cancelled
