"""What pre-copy and post-copy cost from a given moment on.

Pre-copy sends what is left, then what was dirtied meanwhile, and so on:

    bytes[0] = remaining        t[k] = bytes[k] / bandwidth
    bytes[k+1] = f(t[k])

It ends with the pass that takes no longer than the downtime limit; that
pass is the pause. It never converges where a pass leaves as much as it sent: f
never falls, so no later pass would be shorter. Nor does it where the passes
take longer than ``prediction.passes`` has it, t[0] being the first pass.

Example: 128 MiB left, 50 MiB/s, a constant 10 MiB/s written, limit 300 ms:
2.56 s, 0.51 s, 0.10 s. The third pass is the pause, the total 3.17 s.
"""

from nova_livemig_gpu.model import DirtyCurve, Prediction
from nova_livemig_gpu.prediction import passes as whole
from nova_livemig_gpu.prediction.curve import dirty_bytes

_SHRINK = 1e-6


def predict(
    curve: DirtyCurve,
    remaining_bytes: float,
    bandwidth_bps: float,
    limit_ms: float,
    horizon_s: float | None = None,
) -> Prediction:
    """Predict the rest of a pre-copy migration.

    :param remaining_bytes: what the pass that begins now has to send
    :param bandwidth_bps: bytes per second
    :param limit_ms: longest pause that QEMU is allowed
    :param horizon_s: model time after which it "never" ends; None: see the
        module
    """
    if bandwidth_bps <= 0:
        return Prediction(
            False, None, None, 0, 0.0, remaining_bytes, "no bandwidth"
        )
    if horizon_s is None:
        horizon_s = whole.horizon_s(remaining_bytes / bandwidth_bps)
    total_s = 0.0
    sent = 0.0
    left = float(remaining_bytes)
    floor = left
    passes = 0
    while True:
        duration_s = left / bandwidth_bps
        total_s += duration_s
        sent += left
        passes += 1
        if duration_s * 1000.0 <= limit_ms:
            return Prediction(
                True, total_s, duration_s * 1000.0, passes, sent, left, "fits"
            )
        after = dirty_bytes(curve, duration_s)
        floor = min(floor, after)
        if after >= left * (1.0 - _SHRINK):
            return Prediction(
                False, None, None, passes, sent, floor, "passes do not shrink"
            )
        if total_s > horizon_s:
            return Prediction(
                False, None, None, passes, sent, floor, whole.NO_TIME
            )
        left = after


def postcopy_s(remaining_bytes: float, bandwidth_bps: float) -> float:
    """Seconds that post-copy needs for what is left; inf without bandwidth.

    Nothing is sent twice after the switch.
    """
    if bandwidth_bps <= 0:
        return float("inf")
    return remaining_bytes / bandwidth_bps
