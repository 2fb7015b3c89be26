"""A migration job that behaves like QEMU's, in simulated time.

The guest writes its working set from end to end at a constant rate, so that
t seconds dirty min(rate * t, working set) distinct bytes. QEMU sends what is
dirty at the link's rate; when what is left fits into rate * limit it looks
once more (a new bitmap), and stops the guest if that fits too.
"""

from dataclasses import dataclass, field, replace

from nova_livemig_gpu.migration.loop import Clock, Job, JobRefused
from nova_livemig_gpu.model import JobState, Sample
from nova_livemig_gpu.policies.progress import Progress

MIB = 2**20


class FakeClock(Clock):
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.t = 0.0
        self.sleeps: list[float] = []

    def now(self) -> float:
        return self.t

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.sleeps.append(seconds)
        self.t += seconds


@dataclass
class SimulatedJob(Job):
    """See the module. Rates in MiB/s, sizes in MiB."""

    clock: FakeClock
    nonzero: float = 200
    working_set: float = 128
    rate: float = 40
    link: float = 47.7
    setup_s: float = 0.5
    overhead_ms: float = 60
    refuse: tuple[str, ...] = ()
    quiet_after_s: float | None = None

    limit_ms: int = 300
    state: JobState = JobState.RUNNING
    iteration: int = 0
    left: float = 0
    sent: float = 0
    pass_start: float = 0
    postcopy: bool = False
    paused: bool = False
    downtime_ms: float | None = None
    calls: list[tuple[str, object]] = field(default_factory=list)
    _t: float = 0

    def __post_init__(self) -> None:
        self.left = self.nonzero

    def _dirtied(self, start: float, end: float) -> float:
        if self.quiet_after_s is not None:
            end = min(end, max(self.quiet_after_s, start))
        return min(self.rate * (end - start), self.working_set)

    def _advance(self, until: float) -> None:
        step = 0.01
        while self._t < until and self.state is JobState.RUNNING:
            self._t += step
            if self._t < self.setup_s:
                self.pass_start = self._t
                continue
            self.iteration = max(self.iteration, 1)
            sent = min(self.link * step, self.left)
            self.left -= sent
            self.sent += sent
            if self.paused or self.postcopy:
                if self.left <= 0:
                    self._end(self.downtime_ms or 0)
            elif self.left <= self.link * self.limit_ms / 1e3:
                self._next_pass()

    def _next_pass(self) -> None:
        # What is left of a later pass lies in the working set itself.
        most = self.working_set + (self.left if self.iteration == 1 else 0)
        dirtied = self._dirtied(self.pass_start, self._t)
        self.left = min(self.left + dirtied, most)
        self.pass_start = self._t
        self.iteration += 1
        if self.left <= self.link * self.limit_ms / 1e3:
            self._end(self.left / self.link * 1e3)

    def _end(self, downtime_ms: float) -> None:
        self.sent += self.left
        self.left = 0
        self.downtime_ms = downtime_ms + self.overhead_ms
        self.state = JobState.COMPLETED

    def sample(self, t_s: float) -> Sample:
        self._advance(self.clock.t)
        if self.iteration == 0:
            return Sample(t_s, self.state)
        return Sample(
            t_s,
            self.state,
            iteration=self.iteration,
            total_bytes=512 * MIB,
            processed_bytes=int(self.sent * MIB),
            remaining_bytes=int(self.left * MIB),
            page_size_bytes=4096,
            normal_pages=int(self.sent * MIB / 4096),
            zero_pages=0,
        )

    def _told(self, what: str, value: object = None) -> None:
        self.calls.append((what, value))
        if what in self.refuse:
            raise JobRefused(what=what, reason="simulated")

    def set_max_downtime(self, limit_ms: int) -> None:
        self._told("limit", limit_ms)
        self.limit_ms = limit_ms

    def set_bandwidth(self, mib_s: int) -> None:
        self._told("bandwidth", mib_s)
        self.link = min(self.link, mib_s)

    def start_postcopy(self) -> None:
        self._told("postcopy")
        self.left += self._dirtied(self.pass_start, self._t)
        self.postcopy = True
        self.downtime_ms = 0

    def force_complete(self) -> None:
        self._told("force")
        self.left += self._dirtied(self.pass_start, self._t)
        self.downtime_ms = self.left / self.link * 1e3
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
