"""When to switch to post-copy inside the first pass, and what that costs.

Waiting is paid twice: what was sent and is dirtied afterwards goes over the
link once more. Not waiting is paid by the guest: what was not sent before
the switch is fetched when it is needed. So the switch comes as late as costs
little. With N bytes that are not zero, f the dirty curve, t seconds of
sending and s the share of the memory that has been gone over (dirtied pages
are taken to lie evenly in it):

    again(t) = f(t) * s                    sent, and dirty since
    switch   at the first t with again(t) >= 0.1 * N
    total    = (N + again) / B

A guest that dirties less than a tenth of N by the end of the first pass is
never switched inside it.

It is worth it where pre-copy, predicted from its start (``prediction.qemu``),
does not end, or takes so long that the switched one saves 0.5 s and a fifth
of it at least:

    total <= 0.8 * precopy   and   precopy - total >= 0.5 s

Without a dirty curve from before the start nothing is known, and so nothing
is switched inside the first pass.

Example: N = 240 MiB, B = 45 MiB/s, 23 MiB/s written over 96 MiB, limit 200
ms: pre-copy needs about 9.5 s. After 2.9 s of 5.3 s 67 MiB are dirty, of
which 54% were sent: 36 MiB, 15% of N. So the switch came before that, when
it was 24 MiB, and the total is 5.9 s.
"""

from nova_livemig_gpu.model import DirtyCurve, GuestMemory, Prediction
from nova_livemig_gpu.prediction import passes, qemu
from nova_livemig_gpu.prediction.curve import dirty_bytes

#: Of N, what may be sent twice.
AGAIN = 0.1
_SAVING_SHARE, _SAVING_S = 0.2, 0.5


def again_bytes(
    curve: DirtyCurve, sending_s: float, gone_share: float
) -> float:
    """Bytes that were sent and are dirty again.

    :param sending_s: t
    :param gone_share: s, from 0 to 1
    """
    share = min(max(gone_share, 0.0), 1.0)
    return dirty_bytes(curve, sending_s) * share


def total_s(memory: GuestMemory, bandwidth_bps: float) -> float:
    """Seconds of sending with a switch that comes when it should."""
    again = AGAIN * memory.normal_bytes * passes.wire(memory)
    return (passes.first_bytes(memory) + again) / bandwidth_bps


def comes(
    memory: GuestMemory, curve: DirtyCurve, bandwidth_bps: float
) -> bool:
    """Whether the moment of the switch comes before the first pass ends."""
    first_s = passes.first_bytes(memory) / bandwidth_bps
    return again_bytes(curve, first_s, 1.0) > AGAIN * memory.normal_bytes


def pays(precopy: Prediction, switched_s: float) -> bool:
    """Whether a switch is worth it; see the module.

    :param precopy: from its start
    :param switched_s: the same migration with the switch
    """
    if not precopy.converges or precopy.total_s is None:
        return True
    saving_s = precopy.total_s - switched_s
    return saving_s >= max(_SAVING_S, _SAVING_SHARE * precopy.total_s)


def precopy(
    memory: GuestMemory,
    curve: DirtyCurve,
    bandwidth_bps: float,
    limit_ms: float,
) -> Prediction:
    """Pre-copy from its start, as QEMU would do it."""
    return qemu.predict(memory, curve, bandwidth_bps, limit_ms)
