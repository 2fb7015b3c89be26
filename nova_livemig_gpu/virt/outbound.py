"""Who may leave this host, and when.

Servers with a VFIO device leave it one at a time. Every server gets a place
on the host's link (``migration.sharers``), which it enters when what it needs
is known, and waits for there if need be. ``virt.waiting`` is what Nova sees
of one that waits.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from oslo_log import log as logging

from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.migration.departure import Departure
from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.migration.sharers import Lane, Sharers, Terms
from nova_livemig_gpu.migration.turns import Ticket, Turns
from nova_livemig_gpu.policies import sharing
from nova_livemig_gpu.policies.sharing import UNKNOWN, Demand
from nova_livemig_gpu.virt import postcopy
from nova_livemig_gpu.virt.service import Service
from nova_livemig_gpu.virt.waiting import (
    ABORTED,
    STOPPED,
    AbortedWaiting,
    Waiting,
)

LOG = logging.getLogger(__name__)

#: That a server's deletion waits for the rollback of its migration. It may
#: be at what cannot be interrupted: measuring, or an operator's hook.
_DELETION_WAIT_S = 60.0
#: That nova-compute's stop waits for all of them; Nova 34 keeps 20 s for it.
_STOP_WAIT_S = 15.0


@dataclass(frozen=True)
class Place:
    """Of one migration among those that leave this host.

    :ivar lane: on the link
    :ivar departure: what is asked of it before libvirt has a job
    :ivar record: what is left of it if this process dies meanwhile; None:
        nothing
    """

    lane: Lane
    departure: Departure
    _service: Service
    _sharers: Sharers
    _instance: Any
    _migration: Any
    record: Record | None = None

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

    def check(self) -> None:
        """:raises AbortedWaiting: it was given up meanwhile"""
        if self.departure.reason is not None:
            LOG.info(
                "Given up before it went: %s",
                self.departure.reason,
                instance=self._instance,
            )
            raise AbortedWaiting(self.departure.reason)

    def enter(
        self,
        options: Options,
        demand: Callable[[Terms], Demand] = lambda terms: UNKNOWN,
    ) -> bool:
        """Go onto the link, and wait until that may be.

        One that is to be completed by force does not wait.

        :param demand: what the migration wants of the link
        :returns: whether it had to wait
        :raises AbortedWaiting:
        """
        self.check()
        waiting = Waiting(
            self._service.driver,
            self._instance,
            self._migration,
            "the link",
            self.departure,
        )
        waited_s, overdue = 0.0, False
        try:
            terms = self.terms(options)
            if self.departure.hurried:
                terms = replace(terms, wait_s=0.0)
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
        waiting.over()
        self.check()
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

        :raises AbortedWaiting: it was given up before
        """
        if not self.departure.go():
            self.check()

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
        waiting.begin()


class Outbound:
    """Those of one driver."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._turns = Turns()
        self._sharers = Sharers()
        self._departures: dict[str, Departure] = {}

    @contextlib.contextmanager
    def departure(self, instance: Any) -> Iterator[Departure]:
        """Return what a migration is asked for until libvirt has a job; it
        ends with the block."""
        departure = Departure()
        if self._service.release is None:
            # All is Nova's.
            yield departure
            return
        self._departures[instance.uuid] = departure
        try:
            yield departure
        finally:
            self._departures.pop(instance.uuid, None)
            departure.end()

    @contextlib.contextmanager
    def turn(
        self,
        instance: Any,
        migration: Any,
        departure: Departure,
        record: Record | None = None,
    ) -> Iterator[Place]:
        """Wait until this server may go; its place is left with the block.

        :raises AbortedWaiting:
        """
        with (
            self._vgpu_turn(instance, migration, departure),
            self._sharers.lane(instance.uuid) as lane,
        ):
            departure.wakes(lane.cancel)
            place = Place(
                lane,
                departure,
                self._service,
                self._sharers,
                instance,
                migration,
                record,
            )
            place.check()
            yield place

    def find(self, instance: Any) -> Departure | None:
        """Return what a migration of this host is asked for; None: there is
        no such migration, or it is Nova's alone."""
        return self._departures.get(instance.uuid)

    def give_up(self, instance: Any, reason: str = ABORTED) -> bool:
        """Abort one that waits or is about to go. False: there is none."""
        departure = self.find(instance)
        return departure is not None and departure.give_up(reason)

    def withdraw(self, instance: Any, reason: str) -> None:
        """Give one up whose server goes away, and wait until it is rolled
        back: afterwards there is less to roll back with."""
        departure = self.find(instance)
        if departure is None or not departure.give_up(reason):
            return
        LOG.info(
            "Its live migration has not gone yet and is rolled back first: %s",
            reason,
            instance=instance,
        )
        if not departure.wait_end(_DELETION_WAIT_S):
            LOG.warning(
                "Its live migration is not rolled back after %.0f s",
                _DELETION_WAIT_S,
                instance=instance,
            )

    def close(self) -> None:
        """Give up all that have not gone, for this process ends."""
        given_up = [
            departure
            for departure in tuple(self._departures.values())
            if departure.give_up(STOPPED)
        ]
        until_s = time.monotonic() + _STOP_WAIT_S
        for departure in given_up:
            departure.wait_end(max(until_s - time.monotonic(), 0.0))

    @contextlib.contextmanager
    def _vgpu_turn(
        self, instance: Any, migration: Any, departure: Departure
    ) -> Iterator[None]:
        wait_s = self._vgpu_wait_s(instance)
        if wait_s is None:
            yield
            return
        waiting = Waiting(
            self._service.driver,
            instance,
            migration,
            "vGPU migrations",
            departure,
        )

        def on_wait(ticket: Ticket) -> None:
            self._say(waiting, ticket)
            departure.wakes(ticket.cancel)

        with self._turns.turn(instance.uuid, wait_s, on_wait) as ticket:
            waiting.over()
            if ticket.overdue:
                LOG.warning(
                    "It goes after vgpu_wait_s, beside others: each of them "
                    "may stand still for longer",
                    instance=instance,
                )
            yield

    def _say(self, waiting: Waiting, ticket: Ticket) -> None:
        names = self._turns.names()
        LOG.info(
            "Waiting in the queue of vGPU migrations: %s is under way, %s "
            "before this one",
            names[0],
            names.index(ticket.name),
            instance=waiting.instance,
        )
        waiting.begin()

    def _vgpu_wait_s(self, instance: Any) -> float | None:
        """How long it waits for others with a device; None: it takes no
        part. Never raises: what cannot be told does not wait."""
        if self._service.release is None:
            return None
        try:
            options = self._service.options.read()
            if not options.queue_vgpu_migrations:
                return None
            guest = self._service.driver._host.get_guest(instance)
            return options.vgpu_wait_s if postcopy.has_vfio(guest) else None
        except Exception:
            LOG.exception(
                "Whether this server has a VFIO device is not known; its "
                "migration does not wait for others.",
                instance=instance,
            )
            return None
