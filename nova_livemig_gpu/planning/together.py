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

from dataclasses import dataclass
from functools import partial

from nova_livemig_gpu.migration.job import Clock
from nova_livemig_gpu.migration.loop import SteeringLoop
from nova_livemig_gpu.migration.pace import Pace
from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.migration.sharers import Lane, Sharers, Terms
from nova_livemig_gpu.model import GuestMemory, Sample, StartPlan
from nova_livemig_gpu.planning.engine import Phase
from nova_livemig_gpu.planning.foreknown import dirty_curve
from nova_livemig_gpu.planning.host import PAGE_BYTES
from nova_livemig_gpu.planning.meeting import Meeting
from nova_livemig_gpu.planning.qemu import SimulatedQemu
from nova_livemig_gpu.planning.simulator import Result, Scenario
from nova_livemig_gpu.policies import sharing
from nova_livemig_gpu.policies.base import Policy
from nova_livemig_gpu.policies.limit import goes_up_to_ms
from nova_livemig_gpu.policies.need import Load, need_bps
from nova_livemig_gpu.policies.sharing import Demand


@dataclass(frozen=True)
class Departure:
    """One of them.

    :ivar at_s: when it is asked for
    """

    kind: type[Policy]
    scenario: Scenario
    at_s: float = 0.0


@dataclass(frozen=True)
class Together:
    """How one of them went.

    :ivar waited_s: before it began
    """

    result: Result
    waited_s: float


def simulate(
    departures: list[Departure], terms: Terms | None = None
) -> list[Together]:
    """Run them all over one link, that of the first.

    :param terms: by which the link is shared out; None: it is not
    """
    link = _Link(departures[0].scenario.hosts.link_bps)
    sharers = Sharers()
    done: dict[int, Together] = {}

    def play(number: int, clock: Clock) -> None:
        with sharers.lane(str(number)) as lane:
            part = _Part(departures[number], link, lane, sharers, terms)
            done[number] = part.run(clock)

    count = len(departures)
    Meeting().run([partial(play, number) for number in range(count)])
    return [done[number] for number in range(count)]


class _Link:
    """Gives each its part of the bytes."""

    def __init__(self, link_bps: float) -> None:
        self._link_bps = link_bps
        self._jobs: list[_Job] = []

    def join(self, job: "_Job") -> None:
        self._jobs.append(job)

    def divide(self, now_s: float) -> None:
        """Set the rates of all that send."""
        for job in self._jobs:
            job.engine.advance(now_s - job.began_s)
        sending = [
            job.engine
            for job in self._jobs
            if job.engine.phase in (Phase.PRECOPY, Phase.LAST)
        ]
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
            scenario.guest,
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
        guest = scenario.guest
        zero = guest.total_bytes - guest.nonzero_bytes
        self._curve = dirty_curve(guest)
        self._load = Load(
            GuestMemory(guest.nonzero_bytes / PAGE_BYTES, zero / PAGE_BYTES),
            self._curve,
            goes_up_to_ms(self._policy),
            scenario.budget.timeout_s,
            self._plan.postcopy,
        )

    def run(self, clock: Clock) -> Together:
        clock.sleep(self._departure.at_s)
        waited_s = self._enter(clock)
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
        return Together(Result(job.seen(), codes), waited_s)

    def _pace(self) -> Pace | None:
        if self._terms is None:
            return None
        return Pace(self._lane, self._scenario.budget, self._load, self._curve)

    def _enter(self, clock: Clock) -> float:
        terms, since_s = self._terms, clock.now()
        if terms is None or terms.capacity_bps is None:
            return 0.0
        demand = Demand(need_bps(self._load, terms.capacity_bps))
        while clock.now() - since_s < terms.wait_s and not sharing.may_go(
            terms.capacity_bps, self._sharers.demands(), False, demand
        ):
            clock.sleep(self._scenario.poll_s)
        here = Terms(terms.capacity_bps, terms.reserved)
        self._lane.enter(demand, here, lambda lane: None)
        return clock.now() - since_s
