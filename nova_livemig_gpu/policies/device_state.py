"""What is known of a server's devices while it migrates; pure arithmetic.

Names as in ``policies.device``. All sizes in bytes, rates in bytes/s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from nova_livemig_gpu.model import Budget, Sample, Stun, Surroundings
from nova_livemig_gpu.policies.limit import limit_max_ms
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.prediction import precopy

#: The limit while memory still gains; and where QEMU was told no bandwidth, so
#: that it stops only while enough is sent.
_LOW_MS, _LOW_UNTOLD_MS = 10, 30
#: What is kept free above what is expected.
MARGIN = 1.25
#: A device that sends at this share of the link's rate is not idle.
_STREAMING = 0.5
_REPEATED = 2
#: Of what the link carries, where the framebuffer is unknown.
_FIRST_COPY_S = 120.0
#: The window of Progress is 2 s long; with looks every second this is left.
_IDLE_S = 1.0
#: QEMU stops by itself within, where memory is all that it counts.
_CHANCE_S = 0.5
#: So many passes in half of the window are many.
_ROUND = 2
#: Passes that need longer than this to gain do not count as gaining.
_AHEAD_S = 60.0


@dataclass(frozen=True)
class View:
    """One look at memory, devices and link.

    :ivar ram_bytes: R, memory left
    :ivar floor_bytes: F, what further passes leave of it
    :ivar link_bps: B, what the link carries
    :ivar qemu_bps: S, what QEMU multiplies its limit with
    :ivar device_bytes: D, device state expected at the stop; None: unknown
    :ivar most_bytes: D at most: all framebuffer, or what was sent of it
    :ivar sent_bytes: V, device state sent so far; None: unknown
    :ivar sent_bps: rate at which it is sent; None: unknown
    :ivar low_ms: the limit in terms of B while memory still gains
    :ivar budget_ms: L_max
    :ivar stun_ms: p; None: unknown
    """

    ram_bytes: float
    floor_bytes: float
    link_bps: float
    qemu_bps: float
    device_bytes: float | None
    most_bytes: float | None
    sent_bytes: float | None
    sent_bps: float | None
    low_ms: int
    budget_ms: float
    stun_ms: float | None

    def limit_ms(self, bytes_: float) -> int:
        """Return the limit with which QEMU stops at ``bytes_``."""
        return int(bytes_ / self.qemu_bps * 1e3) + 1

    def bytes_of(self, limit_ms: float) -> float:
        """Return what QEMU stops at with a limit."""
        return limit_ms * self.qemu_bps / 1e3

    @property
    def low_bytes(self) -> float:
        """What QEMU may stop at while memory still gains."""
        return self.link_bps * min(self.low_ms, self.budget_ms) / 1e3

    def needed_bytes(self, device_bytes: float | None) -> float | None:
        """Return what QEMU will find at the stop, and the margin."""
        if device_bytes is None:
            return None
        return MARGIN * (self.floor_bytes + device_bytes)

    def cap_bytes(self) -> float:
        """Return the most that QEMU may stop at within the budget."""
        if self.stun_ms is None or self.stun_ms >= self.budget_ms:
            return self.memory_bytes()
        free = self.link_bps * (self.budget_ms - self.stun_ms) / 1e3
        return free + (self.device_bytes or 0.0)

    def memory_bytes(self) -> float:
        """Return M, the most that memory may be of the pause."""
        return self.link_bps * self.budget_ms / 1e3

    def numbers(self) -> dict[str, float | int | None]:
        """Return what a decision was made from."""
        return {
            "remaining_bytes": self.ram_bytes,
            "floor_bytes": self.floor_bytes,
            "bandwidth_bps": self.link_bps,
            "switchover_bps": self.qemu_bps,
            "device_bytes": self.device_bytes,
            "vfio_bytes": self.sent_bytes,
            "vfio_bps": self.sent_bps,
            "stun_ms": self.stun_ms,
        }


def low_limit_ms(told: bool) -> int:
    """Return the limit while memory still gains, in terms of B.

    :param told: QEMU knows S from the start
    """
    return _LOW_MS if told else _LOW_UNTOLD_MS


def look(
    budget: Budget, around: Surroundings, progress: Progress
) -> View | None:
    """Return the view of now; None: R or B is unknown."""
    rate = progress.link_bps()
    sample = progress.sample
    if rate is None or sample is None or sample.remaining_bytes is None:
        return None
    stun, left = around.stun, float(sample.remaining_bytes)
    device = _device_bytes(stun, rate)
    sent = None if sample.vfio_bytes is None else float(sample.vfio_bytes)
    return View(
        ram_bytes=left,
        floor_bytes=_floor_bytes(progress, left),
        link_bps=rate,
        qemu_bps=progress.switchover_bps or rate,
        device_bytes=device,
        most_bytes=_most_bytes(stun, device, sent),
        sent_bytes=sent,
        sent_bps=progress.vfio_bps(),
        low_ms=low_limit_ms(progress.switchover_bps is not None),
        budget_ms=limit_max_ms(budget, around),
        stun_ms=stun.p50_ms if stun else None,
    )


def _device_bytes(stun: Stun | None, rate: float) -> float | None:
    """D: no more than the link can carry in p, nor than there is."""
    if stun is None:
        return None
    in_time = rate * stun.p50_ms / 1e3
    if stun.framebuffer_bytes is None:
        return in_time
    return min(in_time, float(stun.framebuffer_bytes))


def _most_bytes(
    stun: Stun | None, device: float | None, sent: float | None
) -> float | None:
    if stun is None or device is None:
        return sent
    if stun.framebuffer_bytes is not None:
        return max(float(stun.framebuffer_bytes), device)
    return max(device, min(sent or 0.0, 2 * device))


def _floor_bytes(progress: Progress, left: float) -> float:
    """F: what is left, or what the last pass has left if that was more."""
    if not progress.passes or progress.passes[-1].merged:
        return left
    return max(left, float(progress.passes[-1].dirtied_bytes))


def first_copy(around: Surroundings, view: View) -> bool:
    """Whether the device still sends its state for the first time.

    It sends at half the link's rate at least, and has sent less than twice
    its framebuffer: one that changes half of what the link carries has sent
    as much until nothing is left. Where the framebuffer is unknown it has sent
    less than the link carries in two minutes: what memory is dirtied meanwhile
    is found by QEMU only afterwards, and would be in the pause. A device that
    streams for ever is not waited for again after each limit, else the
    deadline would come first.
    """
    if view.sent_bps is None or view.sent_bytes is None:
        return False
    if view.sent_bps < _STREAMING * view.link_bps:
        return False
    size = around.stun.framebuffer_bytes if around.stun else None
    if size is not None:
        return view.sent_bytes < _REPEATED * size
    return view.sent_bytes < _FIRST_COPY_S * view.link_bps


def fits_since_s(
    around: Surroundings, progress: Progress, view: View
) -> float | None:
    """Return since when QEMU may stop the guest with the limit as it is, as
    far as memory goes, in seconds since the loop began; None: it may not.

    ``progress.memory`` is what the sample before has shown.
    """
    if first_copy(around, view):
        return None
    if view.ram_bytes > view.bytes_of(progress.limit_ms or 0):
        return None
    since_s = _since_s(progress)
    return progress.elapsed_s if since_s is None else since_s


def _since_s(progress: Progress) -> float | None:
    """What ``DevicePolicy.remember`` has returned."""
    return cast("float | None", progress.memory)


def may_stop(progress: Progress) -> bool:
    """Whether QEMU may be about to stop the guest with the limit as it is.

    It could for less than half a second. Where it was told no bandwidth it
    takes what flows, which is next to nothing by then: waiting is in vain.
    """
    since_s = _since_s(progress)
    if progress.switchover_bps is None or since_s is None:
        return False
    return progress.elapsed_s - since_s < _CHANCE_S


def memory_settled(progress: Progress, view: View) -> bool:
    """Whether further passes gain no more.

    After the first pass: QEMU looks again and again (several passes between
    two samples) with what fits into the low limit left, or with as much left
    as a second ago; or what a pass has left fits into the low limit, is not
    10% less than the one before it, or is what ``prediction.precopy`` says
    that passes leave. Before it, or within a pass: all samples of the last
    2 s show next to nothing left, so that only the device is being sent.
    """
    if _only_device(progress, view) or _going_round(progress):
        return True
    if not progress.passes:
        return False
    last = progress.passes[-1]
    if last.merged:
        return view.ram_bytes <= view.low_bytes
    if last.dirtied_bytes <= view.low_bytes:
        return True
    if not progress.pass_ended:
        return False
    if len(progress.passes) > 1:
        before = progress.passes[-2]
        if last.dirtied_bytes >= 0.9 * before.dirtied_bytes:
            return not before.merged
    ahead = precopy.predict(
        progress.curve(),
        view.ram_bytes,
        view.link_bps,
        view.low_ms,
        _AHEAD_S,
    )
    return not ahead.converges and view.ram_bytes <= 1.1 * ahead.floor_bytes


def _going_round(progress: Progress) -> bool:
    """Pass follows pass in the last second or two, and none gains."""
    window = progress.window
    if not progress.passes or progress.window_s < _IDLE_S:
        return False
    middle_s = (window[0].t_s + window[-1].t_s) / 2
    early = [each for each in window if each.t_s <= middle_s]
    late = [each for each in window if each.t_s > middle_s]
    if min(_turns(early), _turns(late)) < _ROUND:
        return False
    return _most_left(late) >= 0.9 * _most_left(early)


def _turns(samples: Sequence[Sample]) -> int:
    return (samples[-1].iteration or 0) - (samples[0].iteration or 0)


def _most_left(samples: Sequence[Sample]) -> int:
    return max(each.remaining_bytes or 0 for each in samples)


def memory_grows(progress: Progress, view: View) -> bool:
    """All samples of the last second or two show more memory left than may
    be part of the pause."""
    if progress.window_s < _IDLE_S:
        return False
    most = view.memory_bytes()
    return all((each.remaining_bytes or 0) > most for each in progress.window)


def _only_device(progress: Progress, view: View) -> bool:
    window = progress.window
    if progress.window_s < _IDLE_S:
        return False
    return len({each.iteration for each in window}) == 1 and all(
        (each.remaining_bytes or 0) <= view.low_bytes for each in window
    )
