"""What the samples of a running migration add up to.

:class:`Progress` is an immutable fold: ``advance`` takes a sample and
returns the next Progress. Policies see nothing else.

What the end of a pass looks like stands in ``policies.pass_end``.
"""

from dataclasses import dataclass, replace
from typing import Any

from nova_livemig_gpu.model import (
    Decision,
    DirtyCurve,
    JobState,
    Pass,
    Sample,
)
from nova_livemig_gpu.policies import pass_end, seen_curve

#: Bandwidth is taken over this much of the past.
_RATE_WINDOW_S = 2.0
#: ... but never over less than this.
_RATE_LEAST_S = 0.2
#: A pass this long tells what the link carries; so many of them count.
_STEADY_S = 0.5
#: What flows just now is taken over this much of the past.
_FLOW_S = 0.5
#: The first bytes go into the source's socket, faster than the link.
SOCKET_S = 1.0
_VFIO_S = 0.6
_STEADY_PASSES = 4
_KEPT_PASSES = 15
#: A pass that leaves less than this share of the best is a new best.
_GAIN = 0.95


@dataclass(frozen=True)
class Progress:
    """The state of one migration as its policy sees it.

    :ivar passes: the newest finished passes, oldest of them first
    :ivar pass_count: how many passes have finished
    :ivar best_bytes: least that a pass has left, by steps of 5% at least
    :ivar best_s: when that was
    :ivar best_pass: its number
    :ivar refusals: how often libvirt has refused something
    :ivar hold_until_s: nothing is asked of libvirt before
    :ivar limit_ms: downtime limit in force; None: QEMU's own
    :ivar limit_pass: how many passes were finished when it was set
    :ivar limit_s: when it was set
    :ivar limit_code: code of the decision that set it
    :ivar switchover_bps: bytes/s that QEMU multiplies the limit with; None:
        what it has just measured
    :ivar rates_bps: of the newest passes that were long enough to tell
    :ivar postcopy: the switch to post-copy was done
    :ivar postcopy_failed: a switch was tried and refused by libvirt
    :ivar forced: the server was paused so that the migration ends
    :ivar aborting: an abort was asked for
    :ivar pass_ended: the newest sample is the first of a new pass
    :ivar window: samples of the last seconds, for the rate
    :ivar bandwidth_mib_s: limit of the sending rate that was set while the
        job ran; None: the one from its start
    :ivar ahead_bps: bytes/s that may be sent in a while, where less may be
        now; None: what is sent now is what can be sent
    :ivar stopped_bps: bytes/s that others on the link leave it while the
        server stands still; None: what is sent now
    :ivar best_bps: the most that was sent in two seconds, bytes/s; 0: unknown
    :ivar best_bps_s: when at least half of that was sent last
    :ivar warnings: what has been said, see ``ActionKind.WARN``
    :ivar memory: what the policy keeps (``Policy.remember``)
    """

    sample: Sample | None = None
    first: Sample | None = None
    passes: tuple[Pass, ...] = ()
    pass_count: int = 0
    best_bytes: int | None = None
    best_s: float = 0.0
    best_pass: int = 0
    refusals: int = 0
    hold_until_s: float = 0.0
    pass_start_s: float = 0.0
    pass_start_bytes: int = 0
    window: tuple[Sample, ...] = ()
    limit_ms: int | None = None
    limit_pass: int = 0
    limit_s: float = 0.0
    limit_code: str | None = None
    switchover_bps: float | None = None
    rates_bps: tuple[float, ...] = ()
    postcopy: bool = False
    postcopy_failed: bool = False
    forced: bool = False
    aborting: bool = False
    pass_ended: bool = False
    bandwidth_mib_s: int | None = None
    ahead_bps: float | None = None
    stopped_bps: float | None = None
    best_bps: float = 0.0
    best_bps_s: float = 0.0
    warnings: tuple[Decision, ...] = ()
    memory: object | None = None

    @property
    def elapsed_s(self) -> float:
        """Seconds since the loop began."""
        return self.sample.t_s if self.sample else 0.0

    @property
    def throttle_percent(self) -> int:
        """What auto-converge takes from the CPUs; 0: nothing, or unknown."""
        return (self.sample.throttle_percent if self.sample else None) or 0

    @property
    def window_s(self) -> float:
        """Seconds that the window spans; 0 with fewer than two samples."""
        if not self.window:
            return 0.0
        return self.window[-1].t_s - self.window[0].t_s

    @property
    def flowing(self) -> bool:
        """Whether memory is being sent."""
        return self.first is not None

    def advance(self, sample: Sample) -> "Progress":
        """Return the progress after ``sample``."""
        if sample.state is not JobState.RUNNING or not sample.iteration:
            return replace(self, sample=sample, pass_ended=False)
        if self.first is None:
            return replace(
                self,
                sample=sample,
                first=sample,
                pass_start_s=sample.t_s,
                pass_start_bytes=sample.processed_bytes or 0,
                window=(sample,),
            )
        last = self.window[-1]
        assert last.iteration is not None
        if sample.iteration > last.iteration and not self.postcopy:
            return self._next_pass(last, sample)
        window = _window(self.window, sample)
        best_bps, best_bps_s = self._best_with(window)
        return _changed(
            self,
            sample=sample,
            window=window,
            pass_ended=False,
            best_bps=best_bps,
            best_bps_s=best_bps_s,
        )

    def _best_with(self, window: tuple[Sample, ...]) -> tuple[float, float]:
        """The best rate and when it was last near, with this window."""
        assert self.first is not None
        start_s, now_s = window[0].t_s, window[-1].t_s
        if (
            now_s - start_s < _RATE_WINDOW_S / 2
            or start_s < self.first.t_s + SOCKET_S
        ):
            return self.best_bps, self.best_bps_s
        rate = _rate(window) or 0.0
        best = max(self.best_bps, rate)
        return best, now_s if 2 * rate >= best else self.best_bps_s

    def _next_pass(self, last: Sample, now: Sample) -> "Progress":
        begin = pass_end.Begin(
            self.pass_count + 1, self.pass_start_s, self.pass_start_bytes
        )
        done, after = pass_end.ended(begin, last, now, self._fits_bytes())
        return replace(
            self._with_best(done),
            rates_bps=self._rates_with(done),
            sample=now,
            passes=(*self.passes[-_KEPT_PASSES:], done),
            pass_count=done.number,
            pass_start_s=after.t_s,
            pass_start_bytes=after.bytes,
            window=_window(self.window, now),
            pass_ended=not done.merged,
        )

    def _with_best(self, done: Pass) -> "Progress":
        best = self.best_bytes
        if done.merged:
            return self
        if best is not None and done.dirtied_bytes >= _GAIN * best:
            return self
        return replace(
            self,
            best_bytes=done.dirtied_bytes,
            best_s=done.end_s,
            best_pass=done.number,
        )

    def _rates_with(self, done: Pass) -> tuple[float, ...]:
        """A pass that had little to send was slow for want of it.

        One that is merged, or has sent less than the link carries in half a
        second, counts with a rate like the others only.
        """
        if done.duration_s < _STEADY_S or not done.sent_bytes:
            return self.rates_bps
        rate = done.sent_bytes / done.duration_s
        best = max(self.rates_bps, default=0.0)
        little = done.merged or done.sent_bytes < best * _STEADY_S
        if little and rate < best / 2:
            return self.rates_bps
        return (*self.rates_bps[1 - _STEADY_PASSES :], rate)

    def _fits_bytes(self) -> float:
        """What QEMU lets the last pass be."""
        rate = self.switchover_bps or self.bandwidth_bps() or 0.0
        return rate * (self.limit_ms or 0) / 1e3

    def link_bps(self) -> float | None:
        """What the link carries, bytes/s; None: unknown.

        Where only a device, or next to nothing, is left to be sent, the
        rate of now says little: the best of the last four passes of half a
        second or more, and of now.
        """
        now = self.bandwidth_bps()
        return max((*self.rates_bps, now or 0.0)) or None

    def vfio_bps(self) -> float | None:
        """Rate at which device state is sent, bytes/s; None: unknown.

        Over half a second, so that the memory before it does not count.
        """
        if len(self.window) < 2:
            return None
        new = self.window[-1]
        late = [s for s in self.window[:-1] if s.t_s >= new.t_s - _VFIO_S]
        old = late[0] if late else self.window[-2]
        if new.vfio_bytes is None or new.t_s - old.t_s < _RATE_LEAST_S:
            return None
        return (new.vfio_bytes - (old.vfio_bytes or 0)) / (new.t_s - old.t_s)

    def until_pass_end_s(self) -> float | None:
        """Seconds that the running pass still needs; None: unknown."""
        rate = self.bandwidth_bps()
        if rate is None or not self.sample:
            return None
        if self.sample.remaining_bytes is None:
            return None
        left = self.sample.remaining_bytes - self._fits_bytes()
        return max(left, 0.0) / rate

    def bandwidth_bps(self) -> float | None:
        """Sending rate, bytes/s; None: unknown.

        Over the last seconds; else QEMU's own figure; else that of the last
        pass. When a pass has just ended the time since the sample before does
        not count: QEMU has collected the dirty pages in it, which takes
        seconds where a server has a terabyte, and sends nothing meanwhile.
        """
        rate = _rate(self.window[:-1]) if self.pass_ended else None
        if rate is None:
            rate = _rate(self.window)
        if rate is None and self.sample is not None:
            rate = self.sample.memory_bps or None
        if rate is None and self.passes and self.passes[-1].duration_s > 0:
            done = self.passes[-1]
            rate = done.sent_bytes / done.duration_s or None
        return rate

    def flow_bps(self) -> float | None:
        """What was sent in the last half second, bytes/s, 0.0 where nothing
        was; None: unknown. As ``bandwidth_bps`` at the end of a pass."""
        window = self.window[:-1] if self.pass_ended else self.window
        if len(window) < 2:
            return None
        new = window[-1]
        late = [s for s in window if s.t_s <= new.t_s - _FLOW_S]
        old = late[-1] if late else window[0]
        if old.processed_bytes is None or new.processed_bytes is None:
            return None
        if new.t_s - old.t_s < _RATE_LEAST_S:
            return None
        sent = max(new.processed_bytes - old.processed_bytes, 0)
        return sent / (new.t_s - old.t_s)

    def warned(self, code: str) -> bool:
        """Whether this has been said."""
        return any(each.code == code for each in self.warnings)

    def coming_bps(self) -> float | None:
        """Sending rate to reckon with, bytes/s; None: unknown.

        That of now, unless more may be sent in a while.
        """
        now = self.bandwidth_bps()
        if now is None or self.ahead_bps is None:
            return now
        return max(now, self.ahead_bps)

    def memory_ceiling_bytes(self) -> float:
        """All memory that can become dirty, bytes; at least 1.

        Memory that was zero in the first pass can be written too, so this
        is the server's whole memory as QEMU counts it.
        """
        total = self.sample.total_bytes if self.sample else None
        return float(total or 1)

    def curve(self, before: DirtyCurve | None = None) -> DirtyCurve:
        """The dirty curve, see ``policies.seen_curve``.

        :param before: measured or remembered before the start
        """
        return seen_curve.curve(
            self.passes, self.memory_ceiling_bytes(), self.elapsed_s, before
        )


def _changed(progress: Progress, **fields: Any) -> Progress:
    """``dataclasses.replace`` in a fifth of its time, for what every sample
    of a simulated migration does."""
    new = object.__new__(Progress)
    new.__dict__.update(progress.__dict__, **fields)
    return new


def _rate(window: tuple[Sample, ...]) -> float | None:
    if len(window) < 2 or window[-1].t_s - window[0].t_s < _RATE_LEAST_S:
        return None
    old, new = window[0].processed_bytes, window[-1].processed_bytes
    if old is None or new is None or new <= old:
        return None
    return (new - old) / (window[-1].t_s - window[0].t_s)


def _window(old: tuple[Sample, ...], new: Sample) -> tuple[Sample, ...]:
    start = new.t_s - _RATE_WINDOW_S
    return (*(s for s in old if s.t_s >= start), new)
