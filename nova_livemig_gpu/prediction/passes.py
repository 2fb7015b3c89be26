"""Pre-copy from its start, pass by pass.

    bytes[0] = normal_pages * (page + 8) + zero_pages * 8
    t[k] = bytes[k] / bandwidth
    bytes[k+1] = f(t[k]) * (page + 8) / page

It ends with the first pass that takes no longer than the limit; the total
counts that pass, which is the pause. A pass that leaves as much as it sent, or
passes that tend to a duration above the limit, say at once that it never ends:
f never falls, so that no later pass would be shorter. Nor does it where the
horizon goes by before,

    t[0] + max(1 hour, 60 * t[0])

since a first pass that is long says nothing of those after it: 6 TiB take an
hour and a half at 10 Gbit/s, and end like 6 GiB.

Without a curve the guest is taken for idle, and ``why`` says so.

Example: 1 GiB, a quarter of it zero, 50 MB/s, 10 MB/s written, limit 300 ms:
16.15 s, 3.24 s, 0.65 s, 0.13 s: four passes, 20.16 s, 130 ms of pause.
"""

from nova_livemig_gpu.model import DirtyCurve, GuestMemory, Prediction
from nova_livemig_gpu.prediction.curve import dirty_bytes, line
from nova_livemig_gpu.prediction.leap import leap, limit_s

#: QEMU's header of a page; all that is sent of a zero page.
HEADER_BYTES = 8
#: What may come after the first pass: so many of it, and an hour at least.
_MOST_FIRSTS, _LEAST_HORIZON_S = 60.0, 3600.0
#: Passes that are walked before many are gone over at once.
_WALKED = 64

IDLE = "no dirty curve is known: an idle guest is assumed"
FITS = "the last pass fits into the limit"
NO_SHRINK = "passes do not shrink"
NO_TIME = "further passes take longer than an hour, and than 60 of the first"


def horizon_s(first_s: float) -> float:
    """Return the time that a migration may take in all, in seconds.

    :param first_s: of these, the first pass

    >>> horizon_s(10.0), horizon_s(7200.0)
    (3610.0, 439200.0)
    """
    return first_s + max(_LEAST_HORIZON_S, _MOST_FIRSTS * first_s)


def first_bytes(memory: GuestMemory) -> float:
    """Bytes of the first pass."""
    page = memory.page_size_bytes + HEADER_BYTES
    return memory.normal_pages * page + memory.zero_pages * HEADER_BYTES


def wire(memory: GuestMemory) -> float:
    """Bytes sent for each byte of memory that is dirty."""
    return 1.0 + HEADER_BYTES / memory.page_size_bytes


def idle_curve(memory: GuestMemory) -> DirtyCurve:
    """The curve of a guest that writes nothing."""
    return DirtyCurve((), max(memory.normal_bytes, 1.0))


def predict(
    memory: GuestMemory,
    curve: DirtyCurve | None,
    bandwidth_bps: float,
    limit_ms: float,
    most_passes: int | None = None,
) -> Prediction:
    """Predict a pre-copy migration from its start.

    :param bandwidth_bps: bytes per second, above 0
    :param limit_ms: longest pause, 0 or more
    :param most_passes: None: no limit
    """
    first_s = first_bytes(memory) / bandwidth_bps
    walk = _Walk(
        curve or idle_curve(memory),
        wire(memory) / bandwidth_bps,
        limit_ms / 1e3,
        horizon_s(first_s),
    )
    verdict = walk.run(first_s, most_passes)
    floor = walk.floor_s * bandwidth_bps
    sent = walk.total_s * bandwidth_bps
    if verdict != FITS:
        return Prediction(False, None, None, walk.passes, sent, floor, verdict)
    return Prediction(
        True,
        walk.total_s,
        walk.last_s * 1e3,
        walk.passes,
        sent,
        walk.last_s * bandwidth_bps,
        FITS if curve is not None else IDLE,
    )


class _Walk:
    """Goes from pass to pass; durations stand for bytes here.

    :ivar last_s: duration of the newest pass
    :ivar floor_s: least that a pass would leave to send
    """

    def __init__(
        self,
        curve: DirtyCurve,
        s_per_byte: float,
        limit_s: float,
        horizon_s: float,
    ) -> None:
        self._curve = curve
        self._s_per_byte = s_per_byte
        self._limit_s = limit_s
        self._horizon_s = horizon_s
        self.total_s = 0.0
        self.passes = 0
        self.last_s = self.floor_s = 0.0

    def run(self, first_s: float, most_passes: int | None) -> str:
        """Walk to the end and say what it was."""
        self.floor_s = next_s = first_s
        while True:
            self.last_s = next_s
            self.total_s += next_s
            self.passes += 1
            if next_s <= self._limit_s:
                return FITS
            if self.total_s > self._horizon_s:
                return NO_TIME
            next_s = self._after(self.last_s)
            self.floor_s = min(self.floor_s, next_s)
            if next_s >= self.last_s:
                return NO_SHRINK
            if self.passes == most_passes:
                return f"stopped after {most_passes} passes"
            if most_passes is None and self.passes % _WALKED == 0:
                if self._stuck(next_s):
                    return NO_SHRINK
                next_s = self._leap(next_s)

    def _after(self, duration_s: float) -> float:
        return dirty_bytes(self._curve, duration_s) * self._s_per_byte

    def _stuck(self, next_s: float) -> bool:
        """Whether the durations tend to something above the limit."""
        piece = line(self._curve, self.last_s)
        if piece is None:
            return False
        factor = piece.slope_bps * self._s_per_byte
        end_s = limit_s(self.last_s, next_s, factor)
        bottom_s = max(piece.low_s, self._limit_s) * (1 + 1e-9)
        stuck = end_s > bottom_s
        if stuck:
            self.floor_s = end_s
        return stuck

    def _leap(self, next_s: float) -> float:
        """Go over the passes of this piece; return the pass after them."""
        piece = line(self._curve, self.last_s)
        if piece is None:
            return next_s
        ahead = leap(
            self.last_s,
            next_s,
            piece.slope_bps * self._s_per_byte,
            max(piece.low_s, self._limit_s),
            self._horizon_s - self.total_s,
        )
        if ahead is None:
            return next_s
        self.passes += ahead.passes
        self.total_s += ahead.sum_s
        self.last_s = ahead.duration_s
        self.floor_s = min(self.floor_s, self._after(self.last_s))
        return self._after(self.last_s)
