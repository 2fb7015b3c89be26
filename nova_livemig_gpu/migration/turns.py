"""One after the other, first come, first served; threads of any kind.

A ticket that is not given back keeps all others waiting, so tickets are had
from :meth:`Turns.turn` only, which gives them back whatever happens. Nothing
of it outlives the process.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator

#: Between two looks, for the case that a wake-up got lost.
_LOOK_S = 5.0


class Ticket:
    """A place in the queue."""

    def __init__(self, name: str, turns: "Turns") -> None:
        self.name = name
        self.cancelled = False
        self._turns = turns

    def cancel(self) -> bool:
        """Give up waiting. Like a future that runs already: False, for
        whoever waits cleans up itself."""
        self._turns._cancel(self)
        return False


class Turns:
    """The queue."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._tickets: list[Ticket] = []

    def names(self) -> tuple[str, ...]:
        """Whose turn it is, and who waits, in order."""
        with self._condition:
            return tuple(ticket.name for ticket in self._tickets)

    @contextlib.contextmanager
    def turn(
        self, name: str, on_wait: Callable[[Ticket], None]
    ) -> Iterator[Ticket]:
        """Wait for the turn; it ends with the block.

        :param on_wait: called once, without any lock held, where somebody
            is before
        :returns: a ticket; ``cancelled`` if it was given up meanwhile
        """
        ticket = Ticket(name, self)
        with self._condition:
            self._tickets.append(ticket)
            first = self._tickets[0] is ticket
        try:
            if not first:
                on_wait(ticket)
                self._wait(ticket)
            yield ticket
        finally:
            with self._condition:
                self._tickets.remove(ticket)
                self._condition.notify_all()

    def cancel(self, name: str) -> bool:
        """Give up the waiting of a name. False: it does not wait."""
        with self._condition:
            for ticket in self._tickets[1:]:
                if ticket.name == name and not ticket.cancelled:
                    ticket.cancelled = True
                    self._condition.notify_all()
                    return True
        return False

    def _cancel(self, ticket: Ticket) -> None:
        with self._condition:
            ticket.cancelled = True
            self._condition.notify_all()

    def _wait(self, ticket: Ticket) -> None:
        with self._condition:
            while not ticket.cancelled and self._tickets[0] is not ticket:
                self._condition.wait(_LOOK_S)
