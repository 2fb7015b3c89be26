"""What Nova shows and knows of a migration that waits.

It has passed Nova's preparations at the destination. Its migration is shown
as ``queued``, and it stands among those that Nova's compute manager can abort
before they run (``_waiting_live_migrations``): Nova then calls ``cancel()``,
which answers False like a future that runs, and leaves the cleaning up to us,
as it does with one that is "preparing" (``live_migration_abort`` in
nova/compute/manager.py). Where the manager cannot be reached the migration
stays ``running``, and the abort comes to our driver.
"""

import time
from typing import Any

from oslo_log import log as logging

from nova_livemig_gpu.migration.departure import Departure

LOG = logging.getLogger(__name__)

#: Why a migration is given up that a user has aborted.
ABORTED = "aborted on request"
#: Why it is when the process ends that would have carried it out.
STOPPED = "nova-compute on the source stopped before it went"


def code_of(reason: str) -> str:
    """Return the code of a reason to give a migration up."""
    return "interrupted" if reason == STOPPED else "aborted"


class AbortedWaiting(Exception):
    """A migration was given up before it went; it is to be rolled back.

    :ivar reason: why, for its user
    :ivar status: that Nova is to give it
    :ivar told: its user was told
    """

    def __init__(
        self,
        reason: str = ABORTED,
        status: str = "cancelled",
        told: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.told = told


class Abortable:
    """Stands for the future of a migration in Nova's dictionary."""

    def __init__(self, departure: Departure) -> None:
        self._departure = departure

    def cancel(self) -> bool:
        """Give the migration up. Like a future that runs already: False,
        for whoever waits cleans up itself."""
        self._departure.give_up(ABORTED)
        return False


class Waiting:
    """One server's. ``begin`` where it has to wait, ``over`` in any case."""

    def __init__(
        self,
        driver: Any,
        instance: Any,
        migration: Any,
        queue: str,
        departure: Departure,
    ) -> None:
        """:param queue: its name, for the log"""
        self._queue = queue
        self.instance = instance
        self._driver = driver
        self._migration = migration
        self._departure = departure
        self._since: float | None = None
        self._listed: dict[str, Any] | None = None

    def begin(self) -> None:
        """Show it as queued."""
        self._since = time.monotonic()
        try:
            manager = self._driver.virtapi._compute
            listed: dict[str, Any] = manager._waiting_live_migrations
            future = Abortable(self._departure)
            listed[self.instance.uuid] = (self._migration, future)
            self._listed = listed
            self._show("queued")
        except Exception:
            LOG.exception(
                "This migration waits, but Nova shows it as running.",
                instance=self.instance,
            )

    def over(self) -> None:
        """Show it as running, unless it has been given up."""
        if self._since is None:
            return
        if self._aborted_by_nova() or self._departure.reason is not None:
            self._take_out()
            return
        LOG.info(
            "Its turn in the queue of %s after %.0f s",
            self._queue,
            time.monotonic() - self._since,
            instance=self.instance,
        )
        try:
            self._show("running")
        except Exception:
            LOG.exception(
                "The status of this migration was not saved.",
                instance=self.instance,
            )
        # Only now, so that an abort meanwhile finds it, here or there.
        self._aborted_by_nova()
        self._take_out()

    def _aborted_by_nova(self) -> bool:
        """Nova takes it out before it calls ``cancel``."""
        if self._listed is None or self.instance.uuid in self._listed:
            return False
        self._departure.give_up(ABORTED)
        return True

    def _take_out(self) -> None:
        if self._listed is not None:
            self._listed.pop(self.instance.uuid, None)
            self._listed = None

    def _show(self, status: str) -> None:
        self._migration.status = status
        self._migration.save()
