"""What a migration is forecast from: values, and the check of them."""

import math
from dataclasses import dataclass
from enum import Enum

from nova_livemig_gpu.exception import InvalidInput
from nova_livemig_gpu.model import DirtyCurve, GuestMemory, Mode, Stun


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

    @property
    def memory_bps(self) -> float:
        """What goes over it of memory, bytes per second."""
        return self.bandwidth_bps * self.effect


@dataclass(frozen=True)
class Wanted:
    """How it is moved.

    :ivar limit_ms: QEMU's downtime limit
    :ivar switch_pass: hybrid: post-copy begins after this pass
    :ivar early: hybrid: it begins inside the first one where the law of
        ``prediction.early`` finds a moment in it
    """

    limit_ms: float
    mode: Mode = Mode.PRECOPY
    rule: Rule = Rule.PASSES
    switch_pass: int = 1
    early: bool = False


def check(load: Workload, transport: Transport, wanted: Wanted) -> None:
    """Check all numbers.

    :raises InvalidInput: naming the field
    """
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
