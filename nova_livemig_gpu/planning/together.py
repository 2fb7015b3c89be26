"""Migrations that share a link, in simulated time.

The link's bytes go evenly to all that send, as TCP does in the mean; what one
is not allowed to send the others have. With every look of a loop the rates
are set anew, so that they are late by ``poll_s`` at most. A pause or post-copy
goes on at the rate that it began with.

Shared out, everything is as in nova-compute: ``policies.need`` from the curve
known before the start, ``policies.sharing``, ``migration.pace`` in the loop;
one that waits asks again every ``poll_s``.

Example: 400 Mbit/s, two guests that write 20 MiB/s over 96 MiB, no post-copy.
Each ends alone, and together none does; shared out, the second waits.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from nova_livemig_gpu.migration.job import Clock
from nova_livemig_gpu.migration.loop import SteeringLoop
from nova_livemig_gpu.migration.pace import Pace
from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.migration.sharers import Lane, Sharers, Terms
from nova_livemig_gpu.model import Sample, StartPlan
from nova_livemig_gpu.planning.foreknown import dirty_curve, memory_of
from nova_livemig_gpu.planning.host import Guest, Hosts
from nova_livemig_gpu.planning.meeting import Meeting
from nova_livemig_gpu.planning.qemu import SimulatedQemu
from nova_livemig_gpu.planning.simulator import Result, Scenario
from nova_livemig_gpu.policies import sharing
from nova_livemig_gpu.policies.base import Policy
from nova_livemig_gpu.policies.limit import goes_up_to_ms
from nova_livemig_gpu.policies.need import Load, need_bps
from nova_livemig_gpu.policies.sharing import Demand

#: A link that carries nothing.
_LEAST_MBPS = 1e-6


@dataclass(frozen=True)
class Departure:
    """One of them.

    :ivar at_s: when it is asked for
    :ivar measured: its dirty curve is known before its start
    :ivar queued: it waits until those before it that are queued have ended
    """

    kind: type[Policy]
    scenario: Scenario
    at_s: float = 0.0
    measured: bool = True
    queued: bool = False


@dataclass(frozen=True)
class Together:
    """How one of them went.

    :ivar waited_s: before it began
    :ivar decisions: as the record has them
    """

    result: Result
    waited_s: float
    decisions: tuple[Mapping[str, Any], ...] = ()


def simulate(
    departures: Sequence[Departure],
    terms: Terms | None = None,
    link_mbps: Sequence[tuple[float, float]] = (),
) -> list[Together]:
    """Run them all over one link, that of the first.

    The age of a guest is the one that it has when the time begins.

    :param terms: by which the link is shared out; None: it is not
    :param link_mbps: what the link carries from a moment on, in rising order
    """
    hosts = departures[0].scenario.hosts
    link = _Link(hosts.link_bps)
    sharers = Sharers()
    queue = _Queue()
    done: dict[int, Together] = {}

    def play(number: int, clock: Clock) -> None:
        departure = departures[number]
        clock.sleep(departure.at_s)
        with queue.turn(departure, clock), sharers.lane(str(number)) as lane:
            part = _Part(departure, link, lane, sharers, terms)
            done[number] = part.run(clock)

    def change(clock: Clock) -> None:
        for at_s, mbps in link_mbps:
            clock.sleep(max(at_s - clock.now(), 0.0))
            link.carry(clock.now(), _carried_bps(hosts, mbps))

    count = len(departures)
    parts = [partial(play, number) for number in range(count)]
    Meeting().run([*parts, change])
    return [done[number] for number in range(count)]


def _carried_bps(hosts: Hosts, mbps: float) -> float:
    return replace(hosts, link_mbps=max(mbps, _LEAST_MBPS)).link_bps


class _Link:
    """Gives each its part of the bytes."""

    def __init__(self, link_bps: float) -> None:
        self._link_bps = link_bps
        self._jobs: list[_Job] = []

    def join(self, job: "_Job") -> None:
        self._jobs.append(job)

    def carry(self, now_s: float, link_bps: float) -> None:
        """Carry so much from now on."""
        self._advance(now_s)
        self._link_bps = link_bps
        self.divide(now_s)

    def _advance(self, now_s: float) -> None:
        for job in self._jobs:
            job.engine.advance(now_s - job.began_s)

    def divide(self, now_s: float) -> None:
        """Set the rates of all that send."""
        self._advance(now_s)
        sending = [job.engine for job in self._jobs if job.engine.sends]
        left, count = self._link_bps, len(sending)
        for engine in sorted(
            sending, key=lambda each: each.cap_bps or float("inf")
        ):
            fair = left / count
            engine.set_link(fair)
            left -= min(engine.cap_bps or fair, fair)
            count -= 1


class _Job(SimulatedQemu):
    """A job on a link with others."""

    def __init__(
        self, scenario: Scenario, plan: StartPlan, clock: Clock, link: _Link
    ) -> None:
        self._all_clock, self._link = clock, link
        self.began_s = clock.now()
        super().__init__(
            _aged(scenario.guest, self.began_s),
            scenario.hosts,
            plan,
            _Since(clock),
            scenario.seed,
            scenario.cut_s,
        )
        link.join(self)

    def sample(self, t_s: float) -> Sample:
        self._link.divide(self._all_clock.now())
        return super().sample(t_s)


def _aged(guest: Guest, seconds: float) -> Guest:
    return replace(guest, age_s=guest.age_s + seconds)


class _Since(Clock):
    """The time since a job began."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._began_s = clock, clock.now()

    def now(self) -> float:
        return self._clock.now() - self._began_s


class _Part:
    """One migration, from when it is asked for to its end."""

    def __init__(
        self,
        departure: Departure,
        link: _Link,
        lane: Lane,
        sharers: Sharers,
        terms: Terms | None,
    ) -> None:
        scenario = departure.scenario
        self._departure, self._link = departure, link
        self._lane, self._sharers, self._terms = lane, sharers, terms
        self._scenario = scenario
        self._policy = departure.kind(scenario.budget, scenario.around)
        self._plan = self._policy.plan()
        guest = _aged(scenario.guest, departure.at_s)
        self._curve = dirty_curve(guest) if departure.measured else None
        self._load = Load(
            memory_of(guest),
            self._curve,
            goes_up_to_ms(self._policy),
            scenario.budget.timeout_s,
            self._plan.postcopy,
        )

    def run(self, clock: Clock) -> Together:
        self._enter(clock)
        waited_s = clock.now() - self._departure.at_s
        job = _Job(self._scenario, self._plan, clock, self._link)
        record = Record(None, {})
        SteeringLoop(
            job,
            self._policy,
            self._plan,
            record,
            clock,
            self._scenario.poll_s,
            "simulated",
            None,
            self._pace(),
        ).run()
        self._link.divide(clock.now())
        codes = tuple(each["code"] for each in record.decisions)
        decisions = tuple(record.decisions)
        return Together(Result(job.seen(), codes), waited_s, decisions)

    def _pace(self) -> Pace | None:
        if self._terms is None:
            return None
        return Pace(self._lane, self._scenario.budget, self._load, self._curve)

    def _enter(self, clock: Clock) -> None:
        terms, since_s = self._terms, clock.now()
        if terms is None or terms.capacity_bps is None:
            return
        demand = Demand(need_bps(self._load, terms.capacity_bps))
        while clock.now() - since_s < terms.wait_s and not sharing.may_go(
            terms.capacity_bps, self._sharers.demands(), False, demand
        ):
            clock.sleep(self._scenario.poll_s)
        here = Terms(terms.capacity_bps, terms.reserved)
        self._lane.enter(demand, here, lambda lane: None)


class _Queue:
    """Those that leave one after the other (``migration.turns``)."""

    def __init__(self) -> None:
        self._waiting: list[Departure] = []

    @contextlib.contextmanager
    def turn(self, departure: Departure, clock: Clock) -> Iterator[None]:
        """Wait for the turn; it ends with the block."""
        if not departure.queued:
            yield
            return
        self._waiting.append(departure)
        try:
            while self._waiting[0] is not departure:
                clock.sleep(departure.scenario.poll_s)
            yield
        finally:
            self._waiting.remove(departure)
