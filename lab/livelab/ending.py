# SPDX-License-Identifier: Apache-2.0
"""When a watcher has seen enough."""


class Ending:
    """Decides when to stop watching.

    Watching ends `limit_s` after the start; or `after_s` after the last
    sign of a migration that ended: it was reported complete, or a job was
    seen and then none for `quiet_s` (a failed one is reported by nothing
    else). Times are seconds on any clock that only goes forward. Example:
    a job seen from 3.0 to 8.0, limit 60, quiet 1, after 2: over at 10.0 if
    completion was reported at 8.0, and at 11.0 if it was not.
    """

    def __init__(
        self,
        start: float,
        limit_s: float,
        quiet_s: float = 1.0,
        after_s: float = 2.0,
    ) -> None:
        self._limit = start + limit_s
        self._quiet_s = quiet_s
        self._after_s = after_s
        self._job: float | None = None
        self._completed: float | None = None

    def job_seen(self, now: float) -> None:
        """Some host has a job under way."""
        self._job = now

    def completed(self, now: float) -> None:
        """A host said that the job is complete."""
        self._completed = now

    def over(self, now: float) -> bool:
        """Whether to stop."""
        if now >= self._limit:
            return True
        if self._completed is not None:
            return now >= self._completed + self._after_s
        quiet = self._quiet_s + self._after_s
        return self._job is not None and now >= self._job + quiet
