"""One after the other, first come, first served; threads of any kind.

A ticket that is not given back keeps all others waiting, so tickets are had
from :meth:`Turns.turn` only, which gives them back whatever happens. Nothing
of it outlives the process.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

#: Between two looks, for the case that a wake-up got lost.
_LOOK_S = 5.0


class Ticket:
    """A place in the queue.

    :ivar cancelled: it is not waited for the turn any more
    :ivar overdue: the turn had not come after all the time there was
    """

    def __init__(self, name: str, turns: "Turns") -> None:
        self.name = name
        self.cancelled = False
        self.overdue = False
        self._turns = turns

    def cancel(self) -> None:
        """Give up waiting."""
        self._turns._cancel(self)


class Turns:
    """The queue."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._condition = threading.Condition()
        self._tickets: list[Ticket] = []

    def names(self) -> tuple[str, ...]:
        """Whose turn it is, and who comes after, in order."""
        with self._condition:
            return tuple(ticket.name for ticket in self._tickets)

    @contextlib.contextmanager
    def turn(
        self, name: str, wait_s: float, on_wait: Callable[[Ticket], None]
    ) -> Iterator[Ticket]:
        """Wait for the turn; it ends with the block.

        :param wait_s: no longer than that
        :param on_wait: called once, without any lock held, where somebody
            is before
        :returns: a ticket; ``cancelled`` if it was given up meanwhile
        """
        ticket = Ticket(name, self)
        with self._condition:
            self._tickets.append(ticket)
            first = self._tickets[0] is ticket
        try:
            if not first and wait_s > 0:
                until_s = self._now() + wait_s
                on_wait(ticket)
                self._wait(ticket, until_s)
            yield ticket
        finally:
            with self._condition:
                self._tickets.remove(ticket)
                self._condition.notify_all()

    def _cancel(self, ticket: Ticket) -> None:
        with self._condition:
            ticket.cancelled = True
            self._condition.notify_all()

    def _wait(self, ticket: Ticket, until_s: float) -> None:
        with self._condition:
            while not ticket.cancelled and self._tickets[0] is not ticket:
                left_s = until_s - self._now()
                if left_s <= 0:
                    ticket.overdue = True
                    return
                self._condition.wait(min(left_s, _LOOK_S))
