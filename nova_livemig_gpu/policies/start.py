"""What is known inside the first pass, where a curve was known before it."""

from dataclasses import dataclass

from nova_livemig_gpu.model import DirtyCurve, GuestMemory
from nova_livemig_gpu.policies.progress import Progress

_PAGE = 4096


@dataclass(frozen=True)
class Sending:
    """Inside the first pass.

    :ivar sending_s: since the first byte
    :ivar left_bytes: zero pages among them
    :ivar bandwidth_bps: so far
    :ivar curve: known before the start
    """

    sending_s: float
    total_bytes: int
    left_bytes: int
    bandwidth_bps: float
    curve: DirtyCurve

    @property
    def gone_share(self) -> float:
        """Of the memory, what has been gone over."""
        return 1.0 - self.left_bytes / self.total_bytes


def sending(progress: Progress, before: DirtyCurve | None) -> Sending | None:
    """Return what is known; None: another pass, or something is missing.

    :param before: the dirty curve known before the start
    """
    sample, first = progress.sample, progress.first
    if before is None or not before.points or progress.pass_count:
        return None
    if sample is None or first is None or not sample.total_bytes:
        return None
    rate = progress.coming_bps()
    if rate is None or sample.remaining_bytes is None:
        return None
    return Sending(
        progress.elapsed_s - first.t_s,
        sample.total_bytes,
        sample.remaining_bytes,
        rate,
        before,
    )


def whole_memory(now: Sending) -> GuestMemory:
    """All memory of the server; what the curve can reach is not zero."""
    normal = min(now.curve.ceiling_bytes, float(now.total_bytes))
    return GuestMemory(
        normal / _PAGE, (now.total_bytes - normal) / _PAGE, _PAGE
    )
