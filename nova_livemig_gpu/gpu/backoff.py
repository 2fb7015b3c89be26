"""When to try again what has failed."""

import time
from collections.abc import Callable


class Backoff:
    """Waits longer after each failure.

    After the n-th failure in a row it waits ``first_s * 2**(n-1)`` seconds,
    ``longest_s`` at most. Example: 60 and 3600 give 1, 2, 4, 8, 16, 32, 60,
    60 ... minutes.
    """

    def __init__(
        self,
        first_s: float,
        longest_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """:param clock: seconds, never set back"""
        self._first_s = first_s
        self._longest_s = longest_s
        self._clock = clock
        self._wait_s = 0.0
        self._failed_s: float | None = None

    def due(self) -> bool:
        """Whether it may be tried now; before any failure it may."""
        if self._failed_s is None:
            return True
        return self._clock() - self._failed_s >= self._wait_s

    def failed(self) -> None:
        """Note a failure."""
        self._failed_s = self._clock()
        self._wait_s = min(
            max(self._first_s, 2 * self._wait_s), self._longest_s
        )

    def succeeded(self) -> None:
        """Forget all failures."""
        self._failed_s = None
        self._wait_s = 0.0
