"""Who may leave this host, and when.

Servers with a VFIO device leave it one at a time. Every server gets a place
on the host's link (``migration.sharers``), which it enters when what it needs
is known, and waits for there if need be. ``virt.waiting`` is what Nova sees
of one that waits.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from oslo_log import log as logging

from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.migration.sharers import Lane, Sharers, Terms
from nova_livemig_gpu.migration.turns import Ticket, Turns
from nova_livemig_gpu.policies import sharing
from nova_livemig_gpu.policies.sharing import UNKNOWN, Demand
from nova_livemig_gpu.virt import postcopy
from nova_livemig_gpu.virt.service import Service
from nova_livemig_gpu.virt.waiting import Waiting

LOG = logging.getLogger(__name__)


class AbortedWaiting(Exception):
    """A migration was aborted before it went; it is to be rolled back."""


@dataclass(frozen=True)
class Place:
    """Of one migration among those that leave this host.

    :ivar lane: on the link
    """

    lane: Lane
    _service: Service
    _sharers: Sharers
    _instance: Any
    _migration: Any

    def terms(self, options: Options) -> Terms:
        """What the link is now. Never raises."""
        if not options.share_link:
            return Terms(None)
        return Terms(
            sharing.capacity_bps(
                self._service.links.here_mbps(options),
                options.link_reserve_percent,
            ),
            options.link_reserve_percent > 0,
            options.link_wait_s,
        )

    def enter(
        self,
        options: Options,
        demand: Callable[[Terms], Demand] = lambda terms: UNKNOWN,
    ) -> bool:
        """Go onto the link, and wait until that may be.

        :param demand: what the migration wants of the link
        :returns: whether it had to wait
        :raises AbortedWaiting:
        """
        waiting = Waiting(
            self._service.driver, self._instance, self._migration, "the link"
        )
        waited_s, overdue = 0.0, False
        try:
            terms = self.terms(options)
            waited_s = self.lane.enter(
                demand(terms), terms, lambda lane: self._say(waiting, lane)
            )
            overdue = 0 < terms.wait_s <= waited_s
        except Exception:
            LOG.exception(
                "This live migration takes no part in sharing the link: it "
                "goes at once, as one that nothing is known of",
                instance=self._instance,
            )
            self.enter_unknown()
        if not waiting.over(self.lane):
            raise AbortedWaiting
        if overdue:
            LOG.warning(
                "It goes after link_wait_s, and may not end beside the others "
                "on the link: %s",
                ", ".join(self._sharers.running()),
                instance=self._instance,
            )
        return waited_s > 0

    def again(self, demand: Callable[[Terms], Demand]) -> None:
        """Say what it wants now, having waited. Never raises."""
        try:
            found = demand(self._sharers.terms)
        except Exception:
            LOG.exception(
                "What this live migration needs of the link is not known",
                instance=self._instance,
            )
            found = UNKNOWN
        self.lane.changed(found)

    def depart(self) -> None:
        """Say that it goes now: from here on libvirt's job is what can be
        aborted.

        :raises AbortedWaiting: it was aborted before
        """
        if not self.lane.depart():
            LOG.info("Aborted before it went", instance=self._instance)
            raise AbortedWaiting

    def enter_unknown(self) -> None:
        """Go onto the link at once, as one that nothing is known of."""
        self.lane.enter(UNKNOWN, self._sharers.terms, lambda lane: None)

    def _say(self, waiting: Waiting, lane: Lane) -> None:
        before = self._sharers.waiting()
        LOG.info(
            "Waiting for the link: this server's migration would not end "
            "beside %s; %s before it",
            ", ".join(self._sharers.running()),
            before.index(lane.name) if lane.name in before else 0,
            instance=self._instance,
        )
        waiting.begin(lane)


class Outbound:
    """Those of one driver."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._turns = Turns()
        self._sharers = Sharers()

    @contextlib.contextmanager
    def turn(self, instance: Any, migration: Any) -> Iterator[Place]:
        """Wait until this server may go; its place is left with the block.

        :raises AbortedWaiting:
        """
        with (
            self._vgpu_turn(instance, migration) as mine,
            self._sharers.lane(instance.uuid) as lane,
        ):
            if not mine:
                raise AbortedWaiting
            yield Place(
                lane, self._service, self._sharers, instance, migration
            )

    def cancel(self, instance: Any) -> bool:
        """Abort one that waits or is about to go, see :meth:`Place.depart`.
        False: there is none."""
        name = instance.uuid
        return self._turns.cancel(name) or self._sharers.cancel(name)

    @contextlib.contextmanager
    def _vgpu_turn(self, instance: Any, migration: Any) -> Iterator[bool]:
        if not self._queued(instance):
            yield True
            return
        waiting = Waiting(
            self._service.driver, instance, migration, "vGPU migrations"
        )
        with self._turns.turn(
            instance.uuid, lambda ticket: self._say(waiting, ticket)
        ) as ticket:
            yield waiting.over(ticket)

    def _say(self, waiting: Waiting, ticket: Ticket) -> None:
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
