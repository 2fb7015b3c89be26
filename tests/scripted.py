"""A job that shows what a test has written down, and the real loop on it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from nova_livemig_gpu.migration.loop import Job, JobRefused, SteeringLoop
from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.model import JobState, Sample
from nova_livemig_gpu.policies.base import Policy
from nova_livemig_gpu.policies.progress import Progress
from tests.simulated import FakeClock

#: What happened, and when: (seconds, what, value).
Event = tuple[float, str, int | None]


@dataclass
class ScriptedJob(Job):
    """``show(t)`` is what a look at t seconds sees.

    :ivar until_s: the job completes then
    :ivar refuse: what libvirt refuses
    :ivar events: what the job was told
    """

    clock: FakeClock
    show: Callable[[float], Sample]
    until_s: float
    refuse: tuple[str, ...] = ()
    events: list[Event] = field(default_factory=list)
    looks: list[float] = field(default_factory=list)
    state: JobState = JobState.RUNNING
    postcopy: bool = False
    paused: bool = False

    def sample(self, t_s: float) -> Sample:
        self.looks.append(t_s)
        if t_s >= self.until_s and self.state is JobState.RUNNING:
            self.state = JobState.COMPLETED
        return replace(self.show(t_s), state=self.state)

    def _told(self, what: str, value: int | None = None) -> None:
        self.events.append((round(self.clock.t, 3), what, value))
        if what in self.refuse:
            raise JobRefused(what=what, reason="scripted")

    def set_max_downtime(self, limit_ms: int) -> None:
        self._told("limit", limit_ms)

    def set_bandwidth(self, mib_s: int) -> None:
        self._told("bandwidth", mib_s)

    def start_postcopy(self) -> None:
        self._told("postcopy")
        self.postcopy = True

    def force_complete(self) -> None:
        self._told("pause")
        self.paused = True

    def abort(self) -> None:
        self._told("abort")
        self.state = JobState.CANCELLED

    def attend(self, progress: Progress) -> Progress:
        return replace(
            progress,
            postcopy=self.postcopy,
            forced=progress.forced or self.paused,
        )


def run(
    policy: Policy,
    show: Callable[[float], Sample],
    until_s: float,
    poll_s: float = 0.25,
    refuse: tuple[str, ...] = (),
) -> tuple[list[Event], ScriptedJob]:
    """Run the real loop; return what the job was told, and the job."""
    clock = FakeClock()
    job = ScriptedJob(clock, show, until_s, refuse)
    SteeringLoop(
        job, policy, policy.plan(), Record(None, {}), clock, poll_s, "server"
    ).run()
    return job.events, job
