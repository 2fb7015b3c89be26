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
from typing import Any, Protocol

from oslo_log import log as logging

LOG = logging.getLogger(__name__)


class Cancellable(Protocol):
    """A place in a queue."""

    cancelled: bool

    def cancel(self) -> bool:
        """Give up waiting."""


class Waiting:
    """One server's. ``begin`` where it has to wait, ``over`` in any case."""

    def __init__(
        self, driver: Any, instance: Any, migration: Any, queue: str
    ) -> None:
        """:param queue: its name, for the log"""
        self._queue = queue
        self.instance = instance
        self._driver = driver
        self._migration = migration
        self._since: float | None = None
        self._listed: dict[str, Any] | None = None

    def begin(self, ticket: Cancellable) -> None:
        """Show it as queued."""
        self._since = time.monotonic()
        try:
            manager = self._driver.virtapi._compute
            listed: dict[str, Any] = manager._waiting_live_migrations
            listed[self.instance.uuid] = (self._migration, ticket)
            self._listed = listed
            self._show("queued")
        except Exception:
            LOG.exception(
                "This migration waits, but Nova shows it as running.",
                instance=self.instance,
            )

    def over(self, ticket: Cancellable) -> bool:
        """Whether it may run now."""
        if self._since is None:
            return True
        known = True
        if self._listed is not None:
            # Nova takes it out before it calls cancel().
            known = self._listed.pop(self.instance.uuid, None) is not None
        if ticket.cancelled or not known:
            LOG.info("Aborted in the queue", instance=self.instance)
            return False
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
        return True

    def _show(self, status: str) -> None:
        self._migration.status = status
        self._migration.save()
