"""Migrations in simulated time: any policy, unchanged, in the real loop.

A :class:`Scenario` says what migrates where and by which settings; the seed
is part of it, so that the same scenario gives the same result. Nothing waits:
a migration costs some milliseconds of computing, whatever it takes.

Example: a 512 MiB guest that writes 40 MiB/s over 128 MiB, a link of 400
Mbit/s, 300 ms, post-copy allowed: ``adaptive`` switches at the end of the
first pass, ``kubevirt`` gives up after 150 s.
"""

from dataclasses import dataclass, field

from nova_livemig_gpu.migration.loop import SteeringLoop
from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.model import Budget, JobState, Staircase, Surroundings
from nova_livemig_gpu.planning.host import Guest, Hosts
from nova_livemig_gpu.planning.qemu import Seen, SimulatedClock, SimulatedQemu
from nova_livemig_gpu.policies.base import Policy


def usual_surroundings() -> Surroundings:
    """Of a server of 2 GiB at most without a device, on a host with Nova's
    and our defaults."""
    return Surroundings(overhead_ms=100, staircase=Staircase(500, 10, 75, 2.0))


@dataclass(frozen=True)
class Scenario:
    """One migration to be simulated.

    :ivar cut_s: given up then, and so counted as failed; None: never
    :ivar poll_s: ``poll_interval_ms``
    """

    guest: Guest
    hosts: Hosts
    budget: Budget
    around: Surroundings = field(default_factory=usual_surroundings)
    seed: int = 0
    cut_s: float | None = None
    poll_s: float = 0.25


@dataclass(frozen=True)
class Result:
    """How a simulated migration went.

    :ivar codes: of the decisions, in their order
    """

    seen: Seen
    codes: tuple[str, ...]

    @property
    def completed(self) -> bool:
        return self.seen.state is JobState.COMPLETED


def simulate(kind: type[Policy], scenario: Scenario) -> Result:
    """Run one migration by a policy.

    :raises JobRefused: the policy asked twenty times for what was refused
    """
    policy = kind(scenario.budget, scenario.around)
    plan = policy.plan()
    clock = SimulatedClock()
    job = SimulatedQemu(
        scenario.guest,
        scenario.hosts,
        plan,
        clock,
        scenario.seed,
        scenario.cut_s,
    )
    record = Record(None, {})
    SteeringLoop(
        job, policy, plan, record, clock, scenario.poll_s, "simulated"
    ).run()
    codes = tuple(decision["code"] for decision in record.decisions)
    return Result(job.seen(), codes)
