"""The whole migration, predicted before its start: the one entry point.

With B the bandwidth that memory is sent at (bandwidth times effect), Q what
lies in the source's socket, and X = Q / B + overhead + the devices' stun:

pre-copy   total = setup + disk / B + passes + X
           downtime = last pass + X
post-copy  total = setup + disk / B + switch + first pass + X
           downtime = switch + X; it runs at the destination after that
hybrid     total = setup + disk / B + the first passes + switch
                   + f(the last of them) / B + X
           downtime = switch + X; as pre-copy where a pass fits into the
           limit before. Nothing is sent twice after the switch.
           Inside the first pass (``prediction.early``): setup + disk / B
           + (first pass + a tenth of the memory) / B + switch + X

P90 of the total is the total at ``bandwidth_low_bps``; None where it does
not converge there. Overhead and stun add their own, and as they are
independent of each other the excesses over P50 add as squares:

    downtime_p90 = downtime + sqrt(sum of (p90 - p50)**2)

None where nothing is known of a spread.

Example: two passes, 20 s and 0.2 s; Q / B = 50 ms, overhead 30 ms, a stun of
4 s (P50), 7 s (P90): total 24.28 s, downtime 4.28 s, P90 7.28 s.
"""

import math
from dataclasses import replace

from nova_livemig_gpu.model import GuestMemory, Mode, Prediction
from nova_livemig_gpu.prediction import early, passes, qemu
from nova_livemig_gpu.prediction.asked import (
    Rule,
    Transport,
    Wanted,
    Workload,
    check,
)
from nova_livemig_gpu.prediction.curve import dirty_bytes

__all__ = ["Rule", "Transport", "Wanted", "Workload", "forecast"]


def forecast(
    load: Workload, transport: Transport, wanted: Wanted
) -> Prediction:
    """Predict a migration from before its start.

    :raises InvalidInput: naming the field
    """
    check(load, transport, wanted)
    found = _at(load, transport, wanted, transport.bandwidth_bps)
    if not found.converges:
        return found
    assert found.downtime_ms is not None
    excess = _excess_ms(load, transport)
    low = transport.bandwidth_low_bps
    slow = None if low is None else _at(load, transport, wanted, low)
    return replace(
        found,
        downtime_p90_ms=_p90_ms(found, slow, excess),
        total_p90_s=_p90_s(slow, excess),
    )


def _at(
    load: Workload, transport: Transport, wanted: Wanted, bandwidth_bps: float
) -> Prediction:
    """The prediction at one bandwidth, everything else at its P50."""
    rate_bps = bandwidth_bps * transport.effect
    found = _memory(load, transport, wanted, rate_bps)
    found = replace(
        found,
        stun=load.stun,
        disk_bytes=load.disk_bytes,
        sent_bytes=found.sent_bytes + load.disk_bytes,
    )
    if found.total_s is None or found.downtime_ms is None:
        return found
    pause_ms = transport.queue_bytes / rate_bps * 1e3 + transport.overhead_ms
    if load.stun is not None:
        pause_ms += load.stun.p50_ms
    before_s = transport.setup_s + load.disk_bytes / bandwidth_bps
    return replace(
        found,
        total_s=before_s + found.total_s + pause_ms / 1e3,
        downtime_ms=found.downtime_ms + pause_ms,
    )


def _memory(
    load: Workload, transport: Transport, wanted: Wanted, rate_bps: float
) -> Prediction:
    match wanted.mode:
        case Mode.POSTCOPY:
            return _postcopy(load, transport, rate_bps)
        case Mode.HYBRID:
            return _hybrid(load, transport, wanted, rate_bps)
    arguments = (load.memory, load.curve, rate_bps, wanted.limit_ms)
    if wanted.rule is Rule.QEMU:
        return qemu.predict(*arguments)
    return passes.predict(*arguments)


def _postcopy(
    load: Workload, transport: Transport, rate_bps: float
) -> Prediction:
    first = passes.first_bytes(load.memory)
    return Prediction(
        True,
        transport.switch_ms / 1e3 + first / rate_bps,
        transport.switch_ms,
        1,
        first,
        0.0,
        "post-copy sends everything once",
        Mode.POSTCOPY,
    )


def _hybrid(
    load: Workload, transport: Transport, wanted: Wanted, rate_bps: float
) -> Prediction:
    limit_ms = wanted.limit_ms
    memory, curve = load.memory, load.curve or passes.idle_curve(load.memory)
    if wanted.early and early.comes(memory, curve, rate_bps):
        return _in_first_pass(memory, transport, rate_bps)
    first_s = passes.first_bytes(memory) / rate_bps
    before_s, last_s, number = 0.0, first_s, 0
    while number < wanted.switch_pass:
        number += 1
        before_s += last_s
        if last_s * 1e3 <= limit_ms:
            found = passes.predict(memory, load.curve, rate_bps, limit_ms)
            return replace(found, mode=Mode.HYBRID)
        last_s = dirty_bytes(curve, last_s) * passes.wire(memory) / rate_bps
    return Prediction(
        True,
        before_s + transport.switch_ms / 1e3 + last_s,
        transport.switch_ms,
        number + 1,
        (before_s + last_s) * rate_bps,
        0.0,
        f"post-copy after pass {number}",
        Mode.HYBRID,
    )


def _in_first_pass(
    memory: GuestMemory, transport: Transport, rate_bps: float
) -> Prediction:
    sending_s = early.total_s(memory, rate_bps)
    return Prediction(
        True,
        sending_s + transport.switch_ms / 1e3,
        transport.switch_ms,
        1,
        sending_s * rate_bps,
        0.0,
        "post-copy inside pass 1",
        Mode.HYBRID,
    )


def _excess_ms(load: Workload, transport: Transport) -> float | None:
    """What overhead and stun may exceed their P50 by; None: unknown."""
    parts = []
    if transport.overhead_p90_ms is not None:
        parts.append(transport.overhead_p90_ms - transport.overhead_ms)
    if load.stun is not None:
        parts.append(load.stun.p90_ms - load.stun.p50_ms)
    return math.hypot(*(max(p, 0.0) for p in parts)) if parts else None


def _p90_ms(
    found: Prediction, slow: Prediction | None, excess_ms: float | None
) -> float | None:
    assert found.downtime_ms is not None
    if excess_ms is None and slow is None:
        return None
    slower_ms = 0.0
    if slow is not None and slow.downtime_ms is not None:
        slower_ms = max(slow.downtime_ms - found.downtime_ms, 0.0)
    return found.downtime_ms + math.hypot(excess_ms or 0.0, slower_ms)


def _p90_s(slow: Prediction | None, excess_ms: float | None) -> float | None:
    if slow is None or slow.total_s is None:
        return None
    return slow.total_s + (excess_ms or 0.0) / 1e3
