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

P90 of the total is the total at ``bandwidth_low_bps``; None where it does
not converge there. Overhead and stun add their own, and as they are
independent of each other the excesses over P50 add as squares:

    downtime_p90 = downtime + sqrt(sum of (p90 - p50)**2)

None where nothing is known of a spread.

Example: two passes, 20 s and 0.2 s; Q / B = 50 ms, overhead 30 ms, a stun of
4 s (P50), 7 s (P90): total 24.28 s, downtime 4.28 s, P90 7.28 s.
"""

import math
from dataclasses import dataclass, replace
from enum import Enum

from nova_livemig_gpu.exception import InvalidInput
from nova_livemig_gpu.model import (
    DirtyCurve,
    GuestMemory,
    Mode,
    Prediction,
    Stun,
)
from nova_livemig_gpu.prediction import passes, qemu
from nova_livemig_gpu.prediction.curve import dirty_bytes


class Rule(Enum):
    """When pre-copy stops the guest.

    PASSES: with the pass that takes no longer than the limit, see
    ``prediction.passes``. QEMU: as QEMU does, see ``prediction.qemu``.
    """

    PASSES = "passes"
    QEMU = "qemu"


@dataclass(frozen=True)
class Workload:
    """What is to be moved.

    :ivar curve: None: unknown, an idle guest is assumed, and it says so
    :ivar disk_bytes: what block migration copies before the memory
    :ivar stun: what the devices add to the pause
    """

    memory: GuestMemory
    curve: DirtyCurve | None
    disk_bytes: float = 0.0
    stun: Stun | None = None


@dataclass(frozen=True)
class Transport:
    """What it is moved over.

    :ivar bandwidth_bps: bytes per second that memory can be sent at
    :ivar effect: measured effect of compression or multifd on that, by
        which it is multiplied
    :ivar queue_bytes: sent as QEMU counts it, but in the source's socket
        still when the guest stops; adds queue / bandwidth to the pause
    :ivar overhead_ms: the rest of the pause that is not copying
    :ivar setup_s: before the first byte
    :ivar switch_ms: the pause of a switch to post-copy
    :ivar bandwidth_low_bps: what is had nine times out of ten; None: unknown
    :ivar overhead_p90_ms: exceeded once in ten times; None: unknown
    """

    bandwidth_bps: float
    effect: float = 1.0
    queue_bytes: float = 0.0
    overhead_ms: float = 0.0
    setup_s: float = 0.0
    switch_ms: float = 0.0
    bandwidth_low_bps: float | None = None
    overhead_p90_ms: float | None = None


@dataclass(frozen=True)
class Wanted:
    """How it is moved.

    :ivar limit_ms: QEMU's downtime limit
    :ivar switch_pass: hybrid: post-copy begins after this pass
    """

    limit_ms: float
    mode: Mode = Mode.PRECOPY
    rule: Rule = Rule.PASSES
    switch_pass: int = 1


def forecast(
    load: Workload, transport: Transport, wanted: Wanted
) -> Prediction:
    """Predict a migration from before its start.

    :raises InvalidInput: naming the field
    """
    _check(load, transport, wanted)
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
    model = qemu if wanted.rule is Rule.QEMU else passes
    return model.predict(load.memory, load.curve, rate_bps, wanted.limit_ms)


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
    first_s = passes.first_bytes(memory) / rate_bps
    before_s, last_s = 0.0, first_s
    for number in range(1, wanted.switch_pass + 1):
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


def _check(load: Workload, transport: Transport, wanted: Wanted) -> None:
    memory = load.memory
    _least("normal_pages", memory.normal_pages)
    _least("zero_pages", memory.zero_pages)
    _above("page_size_bytes", memory.page_size_bytes)
    _least("disk_bytes", load.disk_bytes)
    _above("bandwidth_bps", transport.bandwidth_bps)
    _above("effect", transport.effect)
    _least("queue_bytes", transport.queue_bytes)
    _least("overhead_ms", transport.overhead_ms)
    _least("setup_s", transport.setup_s)
    _least("switch_ms", transport.switch_ms)
    if transport.bandwidth_low_bps is not None:
        _above("bandwidth_low_bps", transport.bandwidth_low_bps)
    _least("limit_ms", wanted.limit_ms)
    if wanted.switch_pass < 1:
        raise InvalidInput(
            field="switch_pass", value=wanted.switch_pass, right="1 or more"
        )


def _above(field: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise InvalidInput(field=field, value=value, right="above 0, finite")


def _least(field: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise InvalidInput(field=field, value=value, right="0 or more, finite")
