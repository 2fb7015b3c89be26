"""Pre-copy as QEMU does it: when it looks, and what it leaves.

QEMU (10.0, ``migration_iteration_run``) sends for 50 ms at a time, then
looks at what its bitmap still has. Where that is below

    fits = bandwidth * limit

it collects what was dirtied meanwhile, and stops the guest if all of it is
still below; otherwise that was a pass, and it goes on. So a pass leaves

    left = fits - bandwidth * 25 ms      on average, 0 at least

unsent, and the pause is what was there when it fitted: up to the whole limit
for a guest that is slow to converge, and never only what one pass dirtied.

    send[k] = max(R[k] - left, bandwidth * 50 ms), at most R[k]
    t[k]    = send[k] / bandwidth
    R[k+1]  = rest + f(t[k]) * (1 - rest / W)       rest = R[k] - send[k]

A page that is unsent and dirtied again counts once: of what is dirtied the
share rest / W was waiting already, where W is what the unsent pages are
among: all memory that is not zero for the first pass, later what the guest
has dirtied in all the time of the passes, f(that time). R never exceeds
R[k] where f stays, so it ends, or says that passes do not shrink.

Zero pages count as whole pages in QEMU's bitmap; they are taken to lie evenly
in what the first pass leaves.

Example: 1 GiB without zero pages, 50 MB/s, an idle guest, limit 300 ms: one
pass leaves 275 ms' worth, and that is the pause: 21.5 s in all.
"""

from nova_livemig_gpu.model import DirtyCurve, GuestMemory, Prediction
from nova_livemig_gpu.prediction import passes
from nova_livemig_gpu.prediction.curve import dirty_bytes

#: QEMU's MAX_WAIT: it sends for so long between two looks.
SLICE_S = 0.05
#: Passes that are walked; what is left then goes on at the same pace.
_WALKED = 2000
_SHRINK = 1e-9


def predict(
    memory: GuestMemory,
    curve: DirtyCurve | None,
    bandwidth_bps: float,
    limit_ms: float,
    horizon_s: float = passes.HORIZON_S,
) -> Prediction:
    """Predict a pre-copy migration; arguments as of ``passes.predict``.

    ``passes`` of the result counts QEMU's bitmap synchronisations.
    """
    known = curve or passes.idle_curve(memory)
    walk = _Walk(memory, known, bandwidth_bps, limit_ms / 1e3, horizon_s)
    verdict = walk.run()
    sent = (walk.total_s + walk.left_s) * bandwidth_bps
    floor = walk.floor_s * bandwidth_bps
    if verdict != passes.FITS:
        return Prediction(False, None, None, walk.passes, sent, floor, verdict)
    return Prediction(
        True,
        walk.total_s + walk.left_s,
        walk.left_s * 1e3,
        walk.passes,
        sent,
        walk.left_s * bandwidth_bps,
        passes.FITS if curve is not None else passes.IDLE,
    )


class _Walk:
    """Durations at the given bandwidth stand for bytes.

    :ivar left_s: what is left to send
    :ivar total_s: time of the passes so far
    """

    def __init__(
        self,
        memory: GuestMemory,
        curve: DirtyCurve,
        bandwidth_bps: float,
        limit_s: float,
        horizon_s: float,
    ) -> None:
        self._curve = curve
        self._s_per_byte = passes.wire(memory) / bandwidth_bps
        self._limit_s = limit_s
        self._horizon_s = horizon_s
        self._normal_s = memory.normal_pages * memory.page_size_bytes
        self._normal_s *= self._s_per_byte
        pages = memory.normal_pages + memory.zero_pages
        self._normal_share = memory.normal_pages / pages if pages else 1.0
        self.left_s = passes.first_bytes(memory) / bandwidth_bps
        self.floor_s = self.left_s
        self.total_s = 0.0
        self.passes = 0

    def run(self) -> str:
        """Walk to the end and say what it was."""
        self._first()
        while self.left_s > self._limit_s:
            if self.total_s > self._horizon_s:
                return passes.NO_TIME
            before_s = self.left_s
            step_s = self._pass()
            if self.left_s >= before_s * (1.0 - _SHRINK):
                return passes.NO_SHRINK
            if self.passes >= _WALKED:
                return self._at_this_pace(before_s - self.left_s, step_s)
        return passes.FITS

    def _first(self) -> None:
        """The first pass: what is unsent has no hot pages among it."""
        unsent_s = min(self._unsent_s() * self._normal_share, self.left_s)
        self._send(self.left_s - unsent_s, self._normal_s)

    def _pass(self) -> float:
        among_s = self._dirty_s(self.total_s)
        send_s = max(self.left_s - self._unsent_s(), SLICE_S)
        return self._send(min(send_s, self.left_s), among_s)

    def _send(self, send_s: float, among_s: float) -> float:
        rest_s = self.left_s - send_s
        waiting = min(rest_s / among_s, 1.0) if among_s > 0 else 1.0
        dirty_s = self._dirty_s(send_s)
        self.total_s += send_s
        self.passes += 1
        self.left_s = rest_s + dirty_s * (1.0 - waiting)
        self.floor_s = min(self.floor_s, self.left_s)
        return send_s

    def _unsent_s(self) -> float:
        return max(self._limit_s - SLICE_S / 2, 0.0)

    def _dirty_s(self, period_s: float) -> float:
        return dirty_bytes(self._curve, period_s) * self._s_per_byte

    def _at_this_pace(self, gain_s: float, step_s: float) -> str:
        """Each further pass gains as much as the last one."""
        more = (self.left_s - self._limit_s) / gain_s
        self.passes += int(more) + 1
        self.total_s += more * step_s
        if self.total_s > self._horizon_s:
            return passes.NO_TIME
        self.left_s = min(self.left_s, self._limit_s)
        return passes.FITS
