"""The law for a server with VFIO devices; a part of ``adaptive``.

QEMU's arithmetic (10.0, hw/vfio/migration.c and migration/migration.c). It
stops the guest when

    R + P <= S * L     and, after another look,     R + P + C <= S * L

R memory left, P the devices' pre-copy state that is not sent yet, C what
they say that their stop-copy will be, L the downtime limit, S the bandwidth
that it was told of at the start (``bandwidth.avail.switchover``), else what
it has just measured, which is next to nothing when nothing flows. None of P
and C can be seen from outside; ``remaining`` shows 0 while device state
flows; switchover-ack, which libvirt turns on, makes QEMU wait for the
devices' first copy. ``max-bandwidth`` does not hold while the guest is
stopped, and slowing its CPUs down does not help a device.

Names: B what the link carries (``Progress.link_bps``), F the floor of the
memory passes, p and the framebuffer from the predicted stun, all devices
together, L_max from ``policies.limit``.

    D     = min(B * p, framebuffer)                     expected at the stop
    need  = 1.25 * (F + D)
    most  = B * (L_max - p) + D                         within the budget
    L     = bytes / S

The pause is R / B + p, and ``most`` is where that reaches L_max. It is never
above B * L_max, so that the budget holds as well where the prediction is
wrong, but for a device that cannot be read as fast as the link sends.

1. L is good for what B carries in 10 ms (30 ms where S is not told; L_max, if
   that is less; until B is known at most 1 Gbit/s is taken for it) until
   memory is at its floor (``device_state.memory_settled``), the first
   copy of the devices is done (with what they change meanwhile: as long as
   they send at B / 2 or more, up to twice the framebuffer), and QEMU has had
   half a second with memory left that fits into L: if it counts nothing
   else, it switches over by itself. During the first pass L is corrected
   once B is known, where it is off by more than a factor of 2. It stays low
   no longer than half of timeout_s.
2. Then L is raised, once, to min(need, most).
3. If QEMU has not switched over 3 s later (and no first copy is running),
   it counts more than was predicted: L is raised to 1.25 * (F + all of the
   framebuffer), or what was sent of it (``vfio_data_transferred``), where
   that is a tenth more than L at least, then doubled every 3 s; within most.
4. With over_budget warn or allow, need and the steps of 3 are not held to
   most, up to QEMU's 2,000,000 ms: what exceeds the budget is the devices'
   part. Memory may not, with any setting. So L is not raised, by 2 or for half
   of timeout_s, while F > M = B * L_max, since QEMU would take it for memory;
   and it goes back to 1, once raised, when more than M has been left for a
   second or two while the guest runs (code ``memory_grew``). Memory that is
   dirtied while a device is sent is seen by QEMU at the end of that pass only:
   hence the wait for the first copy in 1 and 3, for which a device of unknown
   size gets what the link carries in two minutes, or half of timeout_s.
   While the guest stands still, which its switchover does, steps 3 to 5 wait,
   for an hour from the last raise at most: the devices are sent as they are.
5. Nothing more can be raised, and 6. the deadline: ``policies.device_end``.

Missing data. Stun unknown: L goes from 1 straight to B * L_max / S, the whole
budget; more only by 4. ``vfio_data_transferred`` missing (libvirt < 10.6, or a
device without PRE_COPY): no first copy is waited for. S not told: S = B, and
QEMU has no half a second, for S falls where nothing is sent, so that a device
that sends nothing before the stop may never switch over, and 5 and 6 end it.
Whether the guest stands still unknown: it is taken to run. R or B unknown:
only the deadline.

Example: link 50 MB/s, S told 125 MB/s, budget 1500 ms with 100 ms overhead,
64 MB of framebuffer, p 900 ms, F 5 MB: first limit 10 ms, after a second of
sending 4 ms (0.5 MB); D = 45 MB, need = 62.5 MB, most = 25 + 45 = 70 MB:
L = 500 ms.
"""

from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Budget,
    Decision,
    OverBudget,
    StartPlan,
    Surroundings,
)
from nova_livemig_gpu.policies import device_end, device_state
from nova_livemig_gpu.policies.base import Policy, bandwidth_mib_s
from nova_livemig_gpu.policies.device_end import MOST_LIMIT_MS
from nova_livemig_gpu.policies.device_state import View
from nova_livemig_gpu.policies.limit import limit_max_ms
from nova_livemig_gpu.policies.outlook import mib
from nova_livemig_gpu.policies.progress import Progress

_PATIENCE_S = 3.0
#: What is less above what was not enough would not be enough either.
_MORE = 1.1
_KNOWN_S = 1.0
_MODEST_MIB_S = 119
#: Codes of limits that were set before memory was at its floor.
_LOW = (None, "first_limit", "measured", "memory_grew")


class DevicePolicy(Policy):
    """See the module for the law."""

    def __init__(self, budget: Budget, around: Surroundings) -> None:
        super().__init__(budget, around)
        self._over = budget.over_budget is not OverBudget.REFUSE

    def plan(self) -> StartPlan:
        notes = [
            f"{what}: {why}"
            for what, why in (
                (
                    "no post-copy",
                    self.budget.postcopy and self.around.no_postcopy,
                ),
                (
                    "device state over one connection",
                    self.around.no_channels,
                ),
            )
            if why
        ]
        told = self.around.switchover_mib_s
        first = min(
            device_state.low_limit_ms(told is not None),
            limit_max_ms(self.budget, self.around),
        )
        if told is not None:
            first = max(1, int(first * min(1.0, _MODEST_MIB_S / told)))
        return StartPlan(
            postcopy=False,
            auto_converge=self.budget.auto_converge,
            bandwidth_mib_s=bandwidth_mib_s(self.budget.bandwidth_mbps),
            max_downtime_ms=first,
            channels=self.around.channels,
            switchover_mib_s=self.around.switchover_mib_s,
            notes=tuple(notes),
        )

    def remember(self, progress: Progress) -> float | None:
        view = device_state.look(self.budget, self.around, progress)
        if view is None:
            return None
        return device_state.fits_since_s(self.around, progress, view)

    def decide(self, progress: Progress) -> Decision | None:
        if progress.postcopy or progress.aborting:
            return None
        late = device_end.late(self.budget, progress)
        if late is not None:
            return late
        if progress.forced:
            return device_end.unlimited(
                progress, "paused", "the server is paused"
            )
        view = device_state.look(self.budget, self.around, progress)
        if view is None or progress.limit_ms is None:
            return None
        if progress.limit_code in _LOW:
            return self._low(progress, view)
        return self._raised(progress, view)

    def _low(self, progress: Progress, view: View) -> Decision | None:
        if not progress.pass_count and progress.window_s < _KNOWN_S:
            return None
        settled = device_state.memory_settled(progress, view)
        half_time = self._half_time(progress)
        if view.floor_bytes > view.memory_bytes():
            if not (settled or half_time):
                return None
            return device_end.memory_stays(self.budget, progress, view)
        if half_time:
            return self._first_raise(progress, view, "half of timeout_s is up")
        if settled:
            if self._first_copy(progress, view):
                return None
            if device_state.may_stop(progress):
                return None
            floor = f"memory is at its floor of {mib(view.floor_bytes)}"
            return self._first_raise(progress, view, floor)
        wanted = max(1, int(view.low_bytes / view.qemu_bps * 1e3))
        now = progress.limit_ms or 0
        if progress.pass_count or 0.5 <= wanted / max(now, 1) <= 2:
            return None
        return _limit(
            wanted,
            "measured",
            f"the link carries {mib(view.link_bps)}/s",
            view,
        )

    def _first_copy(self, progress: Progress, view: View) -> bool:
        """Whether a first copy is worth waiting for: one of unknown size is
        for half of timeout_s."""
        stun = self.around.stun
        sized = stun is not None and stun.framebuffer_bytes is not None
        if not sized and self._half_time(progress):
            return False
        return device_state.first_copy(self.around, view)

    def _half_time(self, progress: Progress) -> bool:
        whole_s = self.budget.timeout_s
        return whole_s is not None and progress.elapsed_s > whole_s / 2

    def _first_raise(
        self, progress: Progress, view: View, when: str
    ) -> Decision | None:
        need = view.needed_bytes(view.device_bytes)
        most = view.cap_bytes()
        if need is None:
            bytes_, why = most, "its device state is unknown: all the budget"
        elif need > most and not self._over:
            bytes_ = most
            why = f"{mib(need)} are needed, the budget allows {mib(most)}"
        else:
            bytes_ = need
            device = mib(view.device_bytes or 0)
            why = f"its devices are expected to need {device}"
        limit = min(max(view.limit_ms(bytes_), 1), MOST_LIMIT_MS)
        return _limit(
            max(limit, progress.limit_ms or 0),
            "floor_reached",
            f"{when}; {why}",
            view,
        )

    def _raised(self, progress: Progress, view: View) -> Decision | None:
        grown = self._memory_grew(progress, view)
        if grown is not None:
            return grown
        if self._first_copy(progress, view):
            return None
        since_s = progress.elapsed_s - progress.limit_s
        patience_s = _PATIENCE_S
        if progress.sample and progress.sample.stopped:
            patience_s = device_end.ENDLESS_S
        if since_s < patience_s:
            return None
        now = view.bytes_of(progress.limit_ms or 0)
        wanted = view.needed_bytes(view.most_bytes) or 0.0
        learned = wanted > _MORE * now
        bytes_ = wanted if learned else 2 * now
        if not self._over:
            bytes_ = min(bytes_, view.cap_bytes())
        limit = min(view.limit_ms(bytes_), MOST_LIMIT_MS)
        if limit <= 1.01 * (progress.limit_ms or 0) + 1:
            return device_end.give_up(self.budget, progress, view)
        sent = (
            ""
            if view.sent_bytes is None
            else (f"; {mib(view.sent_bytes)} of device state were sent so far")
        )
        return _limit(
            limit,
            "device_counts_more" if learned else "still_running",
            f"QEMU has not switched over with {mib(now)} allowed{sent}",
            view,
        )

    def _memory_grew(self, progress: Progress, view: View) -> Decision | None:
        """Return the low limit again, if memory would break the budget."""
        stopped = progress.sample is not None and progress.sample.stopped
        if stopped or not device_state.memory_grows(progress, view):
            return None
        return _limit(
            max(1, int(view.low_bytes / view.qemu_bps * 1e3)),
            "memory_grew",
            f"{mib(view.ram_bytes)} of memory are left again, "
            f"{mib(view.memory_bytes())} may be",
            view,
        )


def _limit(value: int, code: str, reason: str, view: View) -> Decision:
    return Decision(
        Action(ActionKind.SET_DOWNTIME, value), code, reason, view.numbers()
    )
