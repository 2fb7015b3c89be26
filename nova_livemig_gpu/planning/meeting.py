"""Several loops in one simulated time, one of them at a time.

Each runs in a thread of its own, but only the one whose moment it is: who
sleeps hands over to the one that wakes up first, the older one where two wake
up together. So the same meeting gives the same result.
"""

import threading
from collections.abc import Callable

from nova_livemig_gpu.migration.job import Clock


class Meeting:
    """The time of all."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._turn = threading.Condition()
        self._wakes: dict[int, float] = {}
        self._whose: int | None = None

    def run(self, parts: list[Callable[[Clock], None]]) -> None:
        """Run all of them to their ends.

        :raises Exception: the first that one of them raised
        """
        failed: list[Exception] = []

        def play(number: int, part: Callable[[Clock], None]) -> None:
            self._await(number)
            try:
                part(_Watch(self, number))
            except Exception as exc:
                failed.append(exc)
            finally:
                self._leave(number)

        threads = [
            threading.Thread(target=play, args=each, daemon=True)
            for each in enumerate(parts)
        ]
        self._wakes = dict.fromkeys(range(len(parts)), 0.0)
        for thread in threads:
            thread.start()
        with self._turn:
            self._next()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]

    def sleep(self, number: int, seconds: float) -> None:
        """Let one sleep, and the others have their moments."""
        with self._turn:
            self._wakes[number] = self.now_s + seconds
            self._next()
        self._await(number)

    def _next(self) -> None:
        if not self._wakes:
            return
        self._whose = min(
            self._wakes, key=lambda number: (self._wakes[number], number)
        )
        self.now_s = max(self.now_s, self._wakes[self._whose])
        self._turn.notify_all()

    def _await(self, number: int) -> None:
        with self._turn:
            self._turn.wait_for(lambda: self._whose == number)

    def _leave(self, number: int) -> None:
        with self._turn:
            del self._wakes[number]
            self._next()


class _Watch(Clock):
    """The clock of one."""

    def __init__(self, meeting: Meeting, number: int) -> None:
        self._meeting = meeting
        self._number = number

    def now(self) -> float:
        return self._meeting.now_s

    def sleep(self, seconds: float) -> None:
        self._meeting.sleep(self._number, seconds)
