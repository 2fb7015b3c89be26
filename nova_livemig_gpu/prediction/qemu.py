"""Pre-copy as QEMU does it: when it looks, and what it leaves.

QEMU (10.0, ``migration_iteration_run``) sends for 50 ms at a time, then
looks at what its bitmap still has. Where that is below

    fits = bandwidth * limit

it collects what was dirtied meanwhile, and stops the guest if all of it is
still below; otherwise that was a pass, and it goes on. So a pass leaves

    U = fits - bandwidth * 25 ms      on average, 0 at least

unsent, and the pause is what was there when it fitted: up to the whole limit
for a guest that is slow to converge, and never only what one pass dirtied.
What waits after a pass, P', is the law of ``prediction.bitmap``.

    send[k] = max(P[k] - U, bandwidth * 50 ms), at most P[k]
    t[k]    = send[k] / bandwidth
    P[k+1]  = P' of (P[k], P[k] - send[k], t[k])

It ends as soon as P fits. Where a pass leaves 99% of what it sent, no later
one does better, as f never falls; where they do, and take too long, the
horizon of ``prediction.passes`` ends the walk. But QEMU compares with the
bandwidth that it has just measured, over 100 ms, which is 10% more than the
mean now and then, and it looks many times: such a P ends if it is within 10%,
and never else.

A zero page counts as a whole page in the bitmap, though next to nothing is
sent. Zero pages are taken to lie evenly in memory, so that U of the first
pass has its share of them; they go first in the second pass.

Example: 1 GiB without zero pages, 50 MB/s, an idle guest, limit 300 ms: one
pass leaves 275 ms' worth, and that is the pause: 21.5 s in all.
"""

from nova_livemig_gpu.model import DirtyCurve, GuestMemory, Prediction
from nova_livemig_gpu.prediction import bitmap, passes
from nova_livemig_gpu.prediction.curve import dirty_bytes

#: QEMU's MAX_WAIT: it sends for so long between two looks.
SLICE_S = 0.05
#: Passes that are walked; what is left then goes on at the same pace.
_WALKED = 100
#: A pass that gains less than this share of what it sent gains nothing.
GAIN = 0.01
#: What a bandwidth measured over 100 ms exceeds the mean by, now and then.
_LUCK = 1.1


def predict(
    memory: GuestMemory,
    curve: DirtyCurve | None,
    bandwidth_bps: float,
    limit_ms: float,
    held_ms: float | None = None,
) -> Prediction:
    """Predict a pre-copy migration; arguments as of ``passes.predict``.

    ``passes`` of the result counts QEMU's bitmap synchronisations.

    :param held_ms: limit while a pass runs, where it is raised at the end of
        passes only; None: ``limit_ms``
    """
    known = curve or passes.idle_curve(memory)
    held_s = (limit_ms if held_ms is None else held_ms) / 1e3
    walk = _Walk(memory, known, bandwidth_bps, limit_ms / 1e3, held_s)
    verdict = walk.run()
    wire = passes.wire(memory)
    sent = walk.sent_bytes * wire
    floor = walk.floor_bytes * wire
    if verdict != passes.FITS:
        return Prediction(False, None, None, walk.passes, sent, floor, verdict)
    last_s = walk.last_bytes * wire / bandwidth_bps
    return Prediction(
        True,
        walk.total_s + last_s,
        last_s * 1e3,
        walk.passes,
        sent + walk.last_bytes * wire,
        walk.last_bytes * wire,
        passes.FITS if curve is not None else passes.IDLE,
    )


class _Walk:
    """All in bytes of memory, headers taken off the bandwidth.

    :ivar waiting_bytes: P, what waits in the bitmap
    :ivar zero_bytes: of it, zero pages
    :ivar total_s: time of the passes so far
    """

    def __init__(
        self,
        memory: GuestMemory,
        curve: DirtyCurve,
        bandwidth_bps: float,
        limit_s: float,
        held_s: float,
    ) -> None:
        self._curve = curve
        self._bps = bandwidth_bps / passes.wire(memory)
        self._fits = self._bps * limit_s
        self._leave = max(self._bps * (held_s - SLICE_S / 2), 0.0)
        self.zero_bytes = memory.zero_pages * memory.page_size_bytes
        self.waiting_bytes = memory.normal_bytes + self.zero_bytes
        self.floor_bytes = self.waiting_bytes
        self.total_s = self.sent_bytes = 0.0
        self.passes = 0
        first_s = passes.first_bytes(memory) / bandwidth_bps
        self._horizon_s = passes.horizon_s(first_s)

    @property
    def last_bytes(self) -> float:
        """What is sent while the guest is stopped."""
        return self.waiting_bytes - self.zero_bytes

    def run(self) -> str:
        """Walk to the end and say what it was."""
        if self.waiting_bytes > self._fits:
            self._first()
            self._skip_zero()
        while self.waiting_bytes > self._fits:
            if self.total_s > self._horizon_s:
                return passes.NO_TIME
            before = self.waiting_bytes
            pass_s = self._pass()
            gained = before - self.waiting_bytes
            if gained <= GAIN * pass_s * self._bps:
                lucky = self.waiting_bytes <= _LUCK * self._fits
                return passes.FITS if lucky else passes.NO_SHRINK
            if self.passes >= _WALKED:
                return self._at_this_pace(gained, pass_s)
        return passes.FITS

    def _first(self) -> None:
        """All memory; what is dirtied in it is like any other."""
        whole, leave = self.waiting_bytes, self._leave
        normal_share = 1.0 - self.zero_bytes / whole
        sent = (whole - leave) * normal_share
        self.zero_bytes = leave * (1.0 - normal_share)
        pass_s = sent / self._bps
        dirty = dirty_bytes(self._curve, pass_s)
        self._passed(sent, pass_s, leave + dirty * (1.0 - leave / whole))

    def _skip_zero(self) -> None:
        """Zero pages of the first pass's rest go in no time, where it is
        not over with them."""
        if self.waiting_bytes <= self._fits:
            return
        gone = min(self.zero_bytes, self.waiting_bytes - self._leave)
        self.zero_bytes -= gone
        self.waiting_bytes -= gone

    def _pass(self) -> float:
        slice_bytes = self._bps * SLICE_S
        send = max(self.waiting_bytes - self._leave, slice_bytes)
        send = min(send, self.waiting_bytes)
        pass_s = send / self._bps
        left = bitmap.after(
            self._curve, self.waiting_bytes, self.waiting_bytes - send, pass_s
        )
        self._passed(send, pass_s, left)
        return pass_s

    def _passed(self, sent: float, pass_s: float, left: float) -> None:
        self.sent_bytes += sent
        self.total_s += pass_s
        self.passes += 1
        self.waiting_bytes = left
        self.floor_bytes = min(self.floor_bytes, left)

    def _at_this_pace(self, gain: float, pass_s: float) -> str:
        """Each further pass gains as much as the last one."""
        more = max(self.waiting_bytes - self._fits, 0.0) / gain
        self.passes += int(more) + 1
        self.total_s += more * pass_s
        self.sent_bytes += more * pass_s * self._bps
        if self.total_s > self._horizon_s:
            return passes.NO_TIME
        self.waiting_bytes = min(self.waiting_bytes, self._fits)
        return passes.FITS
