"""What the rules of ``adaptive`` look at when a pass has ended."""

from dataclasses import dataclass

from nova_livemig_gpu.model import DirtyCurve, Prediction
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.prediction import bitmap, precopy


@dataclass(frozen=True)
class Outlook:
    """The rest of the migration, predicted.

    :ivar left_bytes: R
    :ivar bandwidth_bps: B
    :ivar limit_ms: L_max
    :ivar precopy: what further passes cost
    :ivar postcopy_s: what a switch now costs
    """

    left_bytes: float
    bandwidth_bps: float
    limit_ms: int
    precopy: Prediction
    postcopy_s: float

    @property
    def fits_bytes(self) -> float:
        """What may be left when the guest is stopped."""
        return self.bandwidth_bps * self.limit_ms / 1e3

    def numbers(self) -> dict[str, float | int | None]:
        """For the record."""
        return {
            "remaining_bytes": self.left_bytes,
            "bandwidth_bps": self.bandwidth_bps,
            "floor_bytes": self.precopy.floor_bytes,
            "precopy_s": self.precopy.total_s,
            "precopy_passes": self.precopy.passes,
            "postcopy_s": self.postcopy_s,
        }


def look(
    progress: Progress, before: DirtyCurve | None, limit_ms: int
) -> Outlook | None:
    """Return the outlook; None: R or B is unknown.

    Inside a pass R is what would be left if it ended now.

    :param before: the dirty curve known before the start
    """
    rate = progress.coming_bps()
    sample = progress.sample
    if rate is None or sample is None or sample.remaining_bytes is None:
        return None
    curve = progress.curve(before)
    left = float(sample.remaining_bytes)
    if not progress.pass_ended and progress.passes:
        waited = float(progress.passes[-1].left_bytes)
        pass_s = progress.elapsed_s - progress.pass_start_s
        left = bitmap.after(curve, max(waited, left), left, pass_s)
    return Outlook(
        left,
        rate,
        limit_ms,
        precopy.predict(curve, left, rate, limit_ms),
        precopy.postcopy_s(left, rate),
    )


def mib(value: float) -> str:
    """Bytes as an operator reads them.

    >>> mib(1.5 * 2**20)
    '1.5 MiB'
    """
    return f"{value / 2**20:.1f} MiB"
