"""The constant-rate model, to compare with: what one number can say.

One rate, dirty bytes / period of the longest measurement, and passes as in
``prediction.passes``. With share = rate / bandwidth each pass is ``share``
of the one before, so that it converges wherever share < 1: it cannot see a
small hot working set, nor that a guest has only so much memory to write.
"""

from nova_livemig_gpu.model import (
    CurvePoint,
    DirtyCurve,
    GuestMemory,
    Prediction,
)
from nova_livemig_gpu.prediction import passes


def rate_bps(curve: DirtyCurve) -> float:
    """Dirty bytes per second over the longest period; 0: no point."""
    if not curve.points:
        return 0.0
    longest = curve.points[-1]
    return longest.dirty_bytes / longest.period_s


def flat(curve: DirtyCurve) -> DirtyCurve:
    """The curve that the constant-rate model sees."""
    if not curve.points:
        return curve
    rate = rate_bps(curve)
    return DirtyCurve((CurvePoint(1.0, rate),), curve.ceiling_bytes)


def predict(
    memory: GuestMemory,
    curve: DirtyCurve,
    bandwidth_bps: float,
    limit_ms: float,
) -> Prediction:
    """Predict pre-copy with a constant rate; arguments as of ``passes``."""
    return passes.predict(memory, flat(curve), bandwidth_bps, limit_ms)
