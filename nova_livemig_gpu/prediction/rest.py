"""How long pre-copy still takes at the end of a pass, by QEMU's own rule.

As ``prediction.qemu``, from P bytes that wait in the bitmap, with one limit
while a pass runs (l) and another one at its end (L, the higher one): a pass
leaves what l is good for, and it ends with the first one at whose end P fits
into L.

    U       = bandwidth * (l - 25 ms), 0 at least
    send    = max(P - U, bandwidth * 50 ms), at most P
    P'      of (P, P - send, send / bandwidth), ``prediction.bitmap``

A low l sends nearly all of P in each pass; a high one looks anew sooner, and
what is dirtied meanwhile is mostly waiting anyway, where P is most of what the
guest writes. Which of the two ends depends on the guest: 77 MiB/s over 2 GiB
end at 113 MiB/s and L = 400 ms with l = 30 ms only, 110 MiB/s over 96 MiB at
90 MiB/s and L = 900 ms with l = 900 ms only.

A pass that gains less than 1% of what it has sent gains nothing; and what has
not ended after 40 passes is taken not to end.
"""

from nova_livemig_gpu.model import DirtyCurve
from nova_livemig_gpu.prediction import bitmap
from nova_livemig_gpu.prediction.qemu import GAIN, SLICE_S

_PASSES = 40


def seconds(
    curve: DirtyCurve,
    waiting_bytes: float,
    bandwidth_bps: float,
    limit_ms: float,
    held_ms: float,
) -> float | None:
    """Return them, the pause included; None: it does not end.

    :param bandwidth_bps: above 0
    :param limit_ms: L
    :param held_ms: l
    """
    fits = bandwidth_bps * limit_ms / 1e3
    leave = bandwidth_bps * max(held_ms / 1e3 - SLICE_S / 2, 0.0)
    slice_bytes = bandwidth_bps * SLICE_S
    total_s, waiting = 0.0, waiting_bytes
    for _ in range(_PASSES):
        if waiting <= fits:
            return total_s + waiting / bandwidth_bps
        send = min(max(waiting - leave, slice_bytes), waiting)
        pass_s = send / bandwidth_bps
        after = bitmap.after(curve, waiting, waiting - send, pass_s)
        if waiting - after <= GAIN * send:
            return None
        total_s += pass_s
        waiting = after
    return None
