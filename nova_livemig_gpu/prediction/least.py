"""The least downtime limit that costs no time.

QEMU stops the guest as soon as what is left fits into bandwidth times limit,
so that a guest stands still for the whole limit also where a smaller one
would have ended at the same moment. The whole of pre-copy is predicted
(``prediction.qemu``) with each of

    30 50 75 100 150 200 300 500 750 1000 1500 2000 3000 5000 ms

below the most that the limit may be; the least of them that ends no later
than 1.02 times what the most does is it. None of them, or pre-copy that does
not end even by the most: the most.

Example: an idle guest of 240 MiB at 45 MiB/s: 5.3 s with 200 ms, and with 30.
"""

from nova_livemig_gpu.model import DirtyCurve, GuestMemory
from nova_livemig_gpu.prediction import qemu

LIMITS_MS = (
    *(30, 50, 75, 100, 150, 200, 300, 500, 750),
    *(1000, 1500, 2000, 3000, 5000),
)
#: Of the whole.
LATER = 0.02


def limit_ms(
    memory: GuestMemory,
    curve: DirtyCurve,
    bandwidth_bps: float,
    most_ms: float,
) -> float:
    """Return it, milliseconds."""

    def total_s(limit: float) -> float | None:
        return qemu.predict(memory, curve, bandwidth_bps, limit).total_s

    most_s = total_s(most_ms)
    if most_s is None:
        return most_ms
    for limit in LIMITS_MS:
        if limit >= most_ms:
            break
        needs_s = total_s(limit)
        if needs_s is not None and needs_s <= (1 + LATER) * most_s:
            return limit
    return most_ms
