"""What a host publishes, read beside Nova's resource audit.

The audit runs every minute, in nova-compute's own thread and under locks of
Nova's; a reading may ask NVML, walk through sysfs, ask libvirt for the XML of
each server and Nova's database. So:

* :meth:`Snapshot.latest` begins a reading in a thread of its own where none
  is under way, waits for it ``PATIENCE_S``, and returns the newest there is:
  of now where reading is quick, else of the audit before.
* The first reading is waited for.
* What was read more than ``OLDEST_S`` ago is unknown: the reading hangs.

Example: NVML takes 80 ms. The audit at 0 s waits 80 ms and publishes what
was read at 0 s; that at 60 s waits 3 ms and publishes that again, that at
120 s what was read at 60 s. :meth:`Snapshot.renew` reads in between, where
something is known to have changed.
"""

import threading
import time
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

#: Python hands over between threads every 5 ms; with it less than 10.
PATIENCE_S = 0.003
OLDEST_S = 900.0

T = TypeVar("T")


class _Kept(NamedTuple, Generic[T]):
    """One reading. ``value`` None: it has failed."""

    begun_s: float
    value: T | None


class Snapshot(Generic[T]):
    """The newest reading of one thing, for all threads."""

    def __init__(
        self,
        read: Callable[[], T],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """:param read: takes as long as it likes; what it raises is logged
        and the reading is unknown"""
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: _Kept[T] | None = None
        self._done: threading.Event | None = None
        self._old = False

    def latest(self) -> T | None:
        """Return the newest reading; None: unknown. Never raises."""
        if self._kept is None:
            self._look()
        else:
            self._begin().wait(PATIENCE_S)
        return self.last()

    def last(self) -> T | None:
        """Return the newest reading without beginning another; None:
        unknown, or there was none yet. Never raises."""
        kept = self._kept
        if kept is None:
            return None
        old = self._clock() - kept.begun_s > OLDEST_S
        if old and not self._old:
            LOG.error(
                "Reading the facts of this host takes longer than %d s; "
                "they are unknown until it has ended.",
                OLDEST_S,
            )
        self._old = old
        return None if old else kept.value

    def renew(self) -> None:
        """Read again, beside whoever calls. Never raises."""
        if self._kept is not None:
            self._begin()

    def _begin(self) -> threading.Event:
        """Begin a reading, unless one is under way; return its end."""
        with self._lock:
            if self._done is not None:
                return self._done
            done = self._done = threading.Event()
        try:
            threading.Thread(
                target=self._look_beside,
                args=(done,),
                name="livemig_gpu-facts",
                daemon=True,
            ).start()
        except Exception:
            LOG.exception("The facts of this host cannot be read")
            self._end(done)
        return done

    def _look_beside(self, done: threading.Event) -> None:
        try:
            self._look()
        finally:
            self._end(done)

    def _end(self, done: threading.Event) -> None:
        with self._lock:
            self._done = None
        done.set()

    def _look(self) -> None:
        begun_s, value = self._clock(), None
        try:
            value = self._read()
        except Exception:
            LOG.exception("The facts of this host are not published")
        with self._lock:
            if self._kept is None or self._kept.begun_s <= begun_s:
                self._kept = _Kept(begun_s, value)
