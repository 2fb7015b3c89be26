"""What a dirty-rate measurement would tell of a simulated guest.

Its curve at 0.125 s, doubled up to 64 s, as if it were measured without any
error just before the migration: f(t) is what the guest writes in the t
seconds after its age. No sampling error is simulated.
"""

from nova_livemig_gpu.model import CurvePoint, DirtyCurve
from nova_livemig_gpu.planning.host import Guest
from nova_livemig_gpu.prediction import curve

PERIODS_S = tuple(0.125 * 2**n for n in range(10))


def dirty_curve(guest: Guest) -> DirtyCurve:
    """Return it; all of the memory that is not zero is its ceiling."""
    return curve.make(
        (
            CurvePoint(
                period_s,
                guest.writer.distinct_bytes(
                    guest.age_s, guest.age_s + period_s
                ),
            )
            for period_s in PERIODS_S
        ),
        float(max(guest.nonzero_bytes, 1)),
    )
