"""Servers with a VFIO device leave this host one at a time.

A server that waits has passed Nova's preparations at the destination. Its
migration is shown as ``queued``, and it stands among those that Nova's
compute manager can abort before they run (``_waiting_live_migrations``):
Nova then calls ``cancel()``, which answers False like a future that runs,
and leaves the cleaning up to us, as it does with one that is "preparing"
(``live_migration_abort`` in nova/compute/manager.py). Where the manager
cannot be reached the migration stays ``running``, and the abort comes to our
driver.
"""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from oslo_log import log as logging

from nova_livemig_gpu.migration.turns import Ticket, Turns
from nova_livemig_gpu.virt import postcopy
from nova_livemig_gpu.virt.service import Service

LOG = logging.getLogger(__name__)


class Outbound:
    """The queue of one driver."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._turns = Turns()

    @contextlib.contextmanager
    def turn(self, instance: Any, migration: Any) -> Iterator[bool]:
        """Wait until this server may go; its turn ends with the block.

        :returns: False: it was aborted meanwhile, and is to be rolled back
        """
        if not self._queued(instance):
            yield True
            return
        waited = _Waiting(self._service.driver, instance, migration)
        with self._turns.turn(
            instance.uuid, lambda ticket: self._say(waited, ticket)
        ) as ticket:
            yield waited.over(ticket)

    def cancel(self, instance: Any) -> bool:
        """Abort the waiting of a server. False: it does not wait."""
        return self._turns.cancel(instance.uuid)

    def _say(self, waiting: "_Waiting", ticket: Ticket) -> None:
        names = self._turns.names()
        LOG.info(
            "Waiting in the queue of vGPU migrations: %s is under way, %s "
            "before this one",
            names[0],
            names.index(ticket.name),
            instance=waiting.instance,
        )
        waiting.begin(ticket)

    def _queued(self, instance: Any) -> bool:
        """Never raises: what cannot be told does not wait."""
        if self._service.release is None:
            return False
        try:
            if not self._service.options.read().queue_vgpu_migrations:
                return False
            return postcopy.has_vfio(
                self._service.driver._host.get_guest(instance)
            )
        except Exception:
            LOG.exception(
                "Whether this server has a VFIO device is not known; its "
                "migration does not wait for others.",
                instance=instance,
            )
            return False


class _Waiting:
    """What Nova shows and knows of one that waits."""

    def __init__(self, driver: Any, instance: Any, migration: Any) -> None:
        self.instance = instance
        self._driver = driver
        self._migration = migration
        self._since: float | None = None
        self._listed: dict[str, Any] | None = None

    def begin(self, ticket: Ticket) -> None:
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

    def over(self, ticket: Ticket) -> bool:
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
            "Its turn in the queue of vGPU migrations after %.0f s",
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
