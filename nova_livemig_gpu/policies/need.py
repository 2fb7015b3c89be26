"""The least rate at which a migration's pre-copy ends.

It ends at a rate where ``prediction.qemu`` says so and, with a ``timeout_s``,
not after it. N is the least such rate, found by halving between 1/64 of the
most that can be had and that most, and a quarter more, since at the very edge
it takes for ever; the most, at most.

N is 0 where no rate is needed: the job can be switched to post-copy, or it
does not end even with all there is (nobody is to wait for it, nor it for
anybody). Auto-converge is no reason not to need a rate: what it takes from
the guest's CPUs can be had by waiting. While it throttles, the curve that is
seen is that of the throttled guest, and its need falls.

A device's state is sent while the guest stands still, and what that may be
is reckoned from the rate before (``policies.device``). So of a server with
devices that hold S bytes, and a downtime limit of up to L_max, N is at least

    N_device = 1.25 * S / L_max

or as said above where that is more than the most that can be had: no rate
makes it sure then.

Of a running migration the curve goes straight to 0 below the shortest pass
that was seen.

Missing data: without a dirty curve or the memory the need is unknown.

Example: 1 GiB, 20 MiB/s written over 128 MiB, 300 ms, 112 MiB/s at most: it
ends from 20.3 MiB/s on, and needs 25.4.
"""

from dataclasses import dataclass, replace

from nova_livemig_gpu.model import DirtyCurve, GuestMemory
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.prediction import qemu, throttled

_MARGIN = 1.25
_RANGE = 64
_HALVINGS = 8
_PAGE = 4096


@dataclass(frozen=True)
class Load:
    """What is to be sent, and by when.

    :ivar memory: that is left to be sent; None: unknown
    :ivar curve: None: unknown
    :ivar limit_ms: downtime limit that the policy goes up to
    :ivar within_s: that it may still take; None: any time
    :ivar ends_anyhow: it can be switched to post-copy
    :ivar device_bps: N_device; 0: no device, or nothing is known of it
    """

    memory: GuestMemory | None
    curve: DirtyCurve | None
    limit_ms: float
    within_s: float | None
    ends_anyhow: bool
    device_bps: float = 0.0


def need_bps(load: Load, most_bps: float) -> float | None:
    """Return N in bytes/s; None: unknown.

    :param most_bps: that it gets where it is alone, above 0
    """
    if load.ends_anyhow:
        return 0.0
    if load.memory is None or load.curve is None or not load.curve.points:
        return None
    if not _ends(load, most_bps):
        return 0.0
    device = load.device_bps if load.device_bps <= most_bps else 0.0
    return max(_of_memory(load, most_bps), device)


def _of_memory(load: Load, most_bps: float) -> float:
    low, high = most_bps / _RANGE, most_bps
    if _ends(load, low):
        return min(_MARGIN * low, most_bps)
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        if _ends(load, middle):
            high = middle
        else:
            low = middle
    wanted = min(_MARGIN * high, most_bps)
    return wanted if _ends(load, wanted) else most_bps


def left(progress: Progress, before: DirtyCurve | None, load: Load) -> Load:
    """Return what is left of it, at the end of a pass.

    :param before: the dirty curve known before the start
    """
    sample = progress.sample
    if sample is None or sample.remaining_bytes is None:
        return load
    pages = sample.remaining_bytes / _PAGE
    within_s = load.within_s
    if within_s is not None:
        within_s = max(within_s - progress.elapsed_s, 0.0)
    # What passes took so far is at too low a rate: of shorter ones nothing is
    # seen yet, and a line through two that left all there is would say that
    # no rate is enough.
    curve = throttled.slowed(progress.curve(before), 1.0)
    return replace(
        load,
        memory=GuestMemory(pages, 0.0, _PAGE),
        curve=curve,
        within_s=within_s,
    )


def _ends(load: Load, rate_bps: float) -> bool:
    assert load.memory is not None
    found = qemu.predict(load.memory, load.curve, rate_bps, load.limit_ms)
    if found.total_s is None:
        return False
    return load.within_s is None or found.total_s <= load.within_s
