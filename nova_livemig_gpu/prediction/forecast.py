"""The whole migration, predicted before its start: the one entry point."""

from dataclasses import dataclass, replace
from enum import Enum

from nova_livemig_gpu.model import (
    DirtyCurve,
    GuestMemory,
    Mode,
    Prediction,
    Stun,
)
from nova_livemig_gpu.prediction import passes


class Rule(Enum):
    """When pre-copy stops the guest.

    PASSES: with the pass that takes no longer than the limit (FACTS).
    QEMU: as QEMU does, see ``prediction.qemu``.
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
    """

    bandwidth_bps: float
    effect: float = 1.0
    queue_bytes: float = 0.0
    overhead_ms: float = 0.0
    setup_s: float = 0.0


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
    found = passes.predict(
        load.memory,
        load.curve,
        transport.bandwidth_bps * transport.effect,
        wanted.limit_ms,
    )
    return replace(found, mode=wanted.mode, stun=load.stun)
