"""Who is on this host's link, and who waits; threads of any kind.

The law is ``policies.sharing``; this keeps the books for it. Whoever enters
must leave, whatever happens: :meth:`Sharers.lane` sees to that. Nothing of it
outlives the process.

Every change wakes those who wait; and they look every 5 s, for the case that
a wake-up got lost.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nova_livemig_gpu.policies import sharing
from nova_livemig_gpu.policies.sharing import UNKNOWN, Demand

_LOOK_S = 5.0


@dataclass(frozen=True)
class Terms:
    """What the link is now.

    :ivar capacity_bps: that migrations may have together; None: unknown, or
        it is not shared out
    :ivar reserved: part of the link is kept for tenants
    :ivar wait_s: that one waits at most
    """

    capacity_bps: float | None
    reserved: bool = False
    wait_s: float = 0.0


class Lane:
    """The place of one migration on the link.

    Before :meth:`enter` it takes no room.
    """

    def __init__(self, name: str, sharers: "Sharers") -> None:
        self.name = name
        self.demand = UNKNOWN
        self.waiting = False
        self.cancelled = False
        self.waited_s = 0.0
        self._sharers = sharers

    def enter(
        self,
        demand: Demand,
        terms: Terms,
        on_wait: Callable[["Lane"], None],
    ) -> float:
        """Go onto the link, as soon as that may be.

        :param on_wait: called once, without any lock held, before it waits
        :returns: seconds waited; ``cancelled`` if it was given up meanwhile
        """
        self.waited_s = self._sharers._enter(self, demand, terms, on_wait)
        return self.waited_s

    def facts(self) -> dict[str, float | None]:
        """For the record."""
        return {
            "waited_s": round(self.waited_s, 1),
            "need_bps": self.demand.need_bps,
            "most_bps": self.demand.most_bps,
            "capacity_bps": self.capacity_bps(),
        }

    def changed(self, demand: Demand) -> None:
        """Say what it needs now."""
        self._sharers._changed(self, demand)

    def share_bps(self) -> float | None:
        """Bytes/s that it may send now; None: no limit."""
        return self._sharers._share_bps(self)

    def capacity_bps(self) -> float | None:
        """What the link carries in all; None: unknown."""
        return self._sharers.terms.capacity_bps

    def stopped_bps(self) -> float | None:
        """Bytes/s that it is left with while its server stands still, which
        no limit binds, beside the others; None: it is alone, or unknown."""
        return self._sharers._stopped_bps(self)

    def crowded(self) -> bool:
        """Whether the link is scarce for those who are on it."""
        return self._sharers._crowded()

    def leave(self) -> None:
        """Leave the link; it is left with the block in any case."""
        self._sharers._leave(self)

    def cancel(self) -> None:
        """Give up waiting."""
        self._sharers._cancel(self)


class Sharers:
    """The link of one host."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._changing = threading.Condition()
        self._lanes: list[Lane] = []
        self._terms = Terms(None)

    @property
    def terms(self) -> Terms:
        """As they were told last."""
        return self._terms

    def running(self) -> tuple[str, ...]:
        """Names of those on the link, in order of arrival."""
        with self._changing:
            return tuple(lane.name for lane in self._running())

    def demands(self) -> tuple[Demand, ...]:
        """Of those on the link, in order of arrival."""
        with self._changing:
            return tuple(lane.demand for lane in self._running())

    def waiting(self) -> tuple[str, ...]:
        """Names of those that wait, in order of arrival."""
        with self._changing:
            return tuple(lane.name for lane in self._lanes if lane.waiting)

    @contextlib.contextmanager
    def lane(self, name: str) -> Iterator[Lane]:
        """Return a lane, which is left with the block."""
        lane = Lane(name, self)
        try:
            yield lane
        finally:
            self._leave(lane)

    def _cancel(self, lane: Lane) -> None:
        with self._changing:
            lane.cancelled = True
            self._changing.notify_all()

    def _enter(
        self,
        lane: Lane,
        demand: Demand,
        terms: Terms,
        on_wait: Callable[[Lane], None],
    ) -> float:
        with self._changing:
            self._terms = terms
            lane.demand = demand
            if lane not in self._lanes:
                self._lanes.append(lane)
            lane.waiting = terms.wait_s > 0 and not self._may_go(lane)
            self._changing.notify_all()
            if not lane.waiting:
                return 0.0
        since_s = self._now()
        try:
            on_wait(lane)
            self._wait(lane, since_s + terms.wait_s)
        finally:
            self._go(lane)
        return self._now() - since_s

    def _wait(self, lane: Lane, until_s: float) -> None:
        with self._changing:
            while not lane.cancelled and not self._may_go(lane):
                left_s = until_s - self._now()
                if left_s <= 0:
                    break
                self._changing.wait(min(left_s, _LOOK_S))

    def _go(self, lane: Lane) -> None:
        with self._changing:
            lane.waiting = False
            self._changing.notify_all()

    def _may_go(self, lane: Lane) -> bool:
        capacity = self._terms.capacity_bps
        if capacity is None:
            return True
        before = self._lanes[: self._lanes.index(lane)]
        return sharing.may_go(
            capacity,
            [each.demand for each in self._running(lane)],
            any(each.waiting for each in before),
            lane.demand,
        )

    def _running(self, but: Lane | None = None) -> list[Lane]:
        return [
            each
            for each in self._lanes
            if not each.waiting and each is not but
        ]

    def _changed(self, lane: Lane, demand: Demand) -> None:
        with self._changing:
            if lane.demand != demand:
                lane.demand = demand
                self._changing.notify_all()

    def _share_bps(self, lane: Lane) -> float | None:
        with self._changing:
            terms, running = self._terms, self._running()
            if terms.capacity_bps is None or lane not in running:
                return None
            demands = [each.demand for each in running]
            if not terms.reserved and sharing.even(
                terms.capacity_bps, demands
            ):
                return None
            shares = sharing.divide(
                terms.capacity_bps,
                sharing.urged(terms.capacity_bps, demands),
            )
        share = shares[running.index(lane)]
        if share is None and terms.reserved:
            return terms.capacity_bps / len(running)
        return share

    def _crowded(self) -> bool:
        with self._changing:
            capacity = self._terms.capacity_bps
            demands = [each.demand for each in self._running()]
        return capacity is not None and sharing.scarce(capacity, demands)

    def _stopped_bps(self, lane: Lane) -> float | None:
        with self._changing:
            terms, running = self._terms, self._running()
            if terms.capacity_bps is None or lane not in running:
                return None
            if len(running) < 2:
                return None
            flows = sum(each.demand.flows for each in running)
            return terms.capacity_bps * lane.demand.flows / max(flows, 1)

    def _leave(self, lane: Lane) -> None:
        with self._changing:
            if lane in self._lanes:
                self._lanes.remove(lane)
                self._changing.notify_all()
