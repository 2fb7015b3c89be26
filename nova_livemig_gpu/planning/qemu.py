"""A simulated QEMU as the loop's job, and the time that it lives in.

What libvirt would refuse is refused: anything about a job that has ended,
post-copy where the job was started without it, where the guest has device
state, before memory flows or while the guest is stopped, and an abort after
the switch to post-copy.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from nova_livemig_gpu.migration.loop import Clock, Job, JobRefused
from nova_livemig_gpu.model import JobState, Sample, StartPlan
from nova_livemig_gpu.planning.engine import Engine, Phase
from nova_livemig_gpu.planning.host import PAGE_BYTES, Guest, Hosts
from nova_livemig_gpu.planning.recorded import RecordedEngine, RecordedGuest
from nova_livemig_gpu.policies.progress import Progress


class SimulatedClock(Clock):
    """Time that passes by sleeping only."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def now(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@dataclass(frozen=True)
class Seen:
    """What happened, for whoever ran it.

    :ivar total_s: when the job ended
    :ivar downtime_ms: pause of the guest; None: it was never paused
    :ivar sent_bytes: on the wire
    :ivar postcopy_s: how long it was in post-copy; 0: never
    :ivar work_share: what the guest got done, of what it would have without
        a migration
    """

    state: JobState
    total_s: float
    downtime_ms: float | None
    sent_bytes: float
    passes: int
    postcopy: bool
    paused: bool
    throttle_percent: int
    work_share: float
    # Not among the figures that a result is compared by.
    postcopy_s: float = field(default=0.0, repr=False)


class SimulatedQemu(Job):
    """See the module; ``planning.engine`` is what happens inside."""

    def __init__(
        self,
        guest: Guest,
        hosts: Hosts,
        plan: StartPlan,
        clock: Clock,
        seed: int = 0,
        cut_s: float | None = None,
    ) -> None:
        """:param cut_s: the job is cancelled then"""
        self._guest, self._plan, self._clock = guest, plan, clock
        self._engine: Engine
        if isinstance(guest, RecordedGuest):
            self._engine = RecordedEngine(guest, hosts, plan, seed, cut_s)
        else:
            self._engine = Engine(guest, hosts, plan, seed, cut_s)
        self._postcopy = self._paused = False
        self._switched_s = 0.0

    def sample(self, t_s: float) -> Sample:
        now = self._engine
        now.advance(self._clock.now())
        disk: dict[str, Any] = {}
        if self._guest.disk_bytes:
            disk = {
                "disk_total_bytes": self._guest.disk_bytes,
                "disk_remaining_bytes": int(now.disk_left_bytes),
            }
        if not now.iteration:
            return Sample(t_s, now.state, **disk)
        return Sample(
            t_s,
            now.state,
            iteration=now.iteration,
            total_bytes=self._guest.total_bytes,
            processed_bytes=int(now.out.sent_bytes),
            remaining_bytes=int(now.out.left_bytes),
            memory_bps=now.rates.wire_bps,
            dirty_bps=now.dirty_bps,
            page_size_bytes=PAGE_BYTES,
            normal_pages=int(now.out.normal_bytes / PAGE_BYTES),
            zero_pages=int(now.out.zero_bytes / PAGE_BYTES),
            throttle_percent=now.throttle.percent or None,
            vfio_bytes=int(now.device_sent_bytes) or None,
            stopped=now.stopped,
            **disk,
        )

    @property
    def engine(self) -> Engine:
        """What happens inside."""
        return self._engine

    def set_max_downtime(self, limit_ms: int) -> None:
        self._running("downtime limit").set_limit(limit_ms)

    def set_bandwidth(self, mib_s: int) -> None:
        self._running("bandwidth limit").set_cap(mib_s)

    def start_postcopy(self) -> None:
        engine = self._running("post-copy")
        if not self._can_postcopy or engine.phase is Phase.LAST:
            raise JobRefused(what="post-copy", reason="not possible")
        if engine.phase is Phase.SETUP:
            raise JobRefused(what="post-copy", reason="nothing was sent yet")
        engine.start_postcopy()
        self._postcopy, self._switched_s = True, engine.t_s

    @property
    def _can_postcopy(self) -> bool:
        return self._plan.postcopy and not self._guest.has_device

    def force_complete(self) -> None:
        engine = self._running("force-complete")
        if self._can_postcopy:
            self.start_postcopy()
        elif engine.phase is not Phase.LAST:
            engine.pause()
            self._paused = True

    def abort(self) -> None:
        engine = self._running("abort")
        if self._postcopy:
            raise JobRefused(what="abort", reason="the guest has moved")
        engine.cancel()

    def attend(self, progress: Progress) -> Progress:
        forced = progress.forced or self._paused
        if (progress.postcopy, progress.forced) == (self._postcopy, forced):
            return progress
        return replace(progress, postcopy=self._postcopy, forced=forced)

    def _running(self, what: str) -> Engine:
        self._engine.advance(self._clock.now())
        if self._engine.phase is Phase.ENDED:
            raise JobRefused(what=what, reason="the job has ended")
        return self._engine

    def seen(self) -> Seen:
        """Return what happened until now."""
        now = self._engine
        running_s = now.t_s - (now.downtime_ms or 0.0) / 1e3
        return Seen(
            state=now.state,
            total_s=now.t_s,
            downtime_ms=now.downtime_ms,
            sent_bytes=now.out.sent_bytes,
            passes=now.iteration,
            postcopy=self._postcopy,
            paused=self._paused,
            throttle_percent=now.throttle.percent,
            work_share=min(now.work_s / running_s, 1.0) if running_s else 1.0,
            postcopy_s=now.t_s - self._switched_s if self._postcopy else 0.0,
        )
