"""The time of one live migration before libvirt has a job for it.

What is asked of it then cannot be passed on to libvirt, and is kept: an abort
until the next moment at which the migration can be given up, a force-complete
until there is something to complete. Threads of any kind.

Until :meth:`Departure.go` it can be given up. From then on libvirt is asked,
and what libvirt cannot do yet is kept until :meth:`Departure.take_abort` and
:meth:`Departure.take_force`, which whoever watches the job calls.
"""

import threading
from collections.abc import Callable


class Departure:
    """Of one migration.

    :ivar reason: why it was given up; None: it was not
    :ivar watched: Nova's monitor was called for it
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self.watched = False
        self._changing = threading.Lock()
        self._wake: list[Callable[[], None]] = []
        self._gone = False
        self._begun = False
        self._moving = False
        self._abort = False
        self._force = False
        self._over = threading.Event()

    def wakes(self, wake: Callable[[], None]) -> None:
        """Have something called when the migration is given up; at once
        where it has been."""
        with self._changing:
            self._wake.append(wake)
            late = self.reason is not None
        if late:
            wake()

    def give_up(self, reason: str) -> bool:
        """Give it up. False: it has gone. The first reason counts."""
        with self._changing:
            if self._gone:
                return False
            self.reason = self.reason or reason
            wake = tuple(self._wake)
        for each in wake:
            each()
        return True

    def go(self) -> bool:
        """Say that it goes now. False: it was given up before."""
        with self._changing:
            if self.reason is None:
                self._gone = True
            return self._gone

    def keep_abort(self) -> bool:
        """Have the job aborted when there is one. False: it was seen."""
        with self._changing:
            self._abort = self._abort or not self._begun
            return not self._begun

    def take_abort(self) -> bool:
        """Say that there is a job. True: it is to be aborted, once."""
        with self._changing:
            self._begun = True
            wanted, self._abort = self._abort, False
            return wanted

    def keep_force(self) -> bool:
        """Have the job completed by force when it sends something. False:
        it does so already."""
        with self._changing:
            self._force = self._force or not self._moving
            return not self._moving

    def take_force(self) -> bool:
        """Say that the job sends something. True: it is to be completed by
        force, once."""
        with self._changing:
            self._moving = True
            wanted, self._force = self._force, False
            return wanted

    @property
    def hurried(self) -> bool:
        """A force-complete is kept."""
        return self._force

    def end(self) -> None:
        """Say that nothing of the migration is under way any more."""
        self._over.set()

    def wait_end(self, seconds: float) -> bool:
        """Wait for :meth:`end`. False: not in so many seconds."""
        return self._over.wait(seconds)
