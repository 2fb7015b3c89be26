# SPDX-License-Identifier: Apache-2.0
"""What is measured: devices, and ways to migrate them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from livelab.vfio.sector import Load
from nova_livemig_gpu.model import (
    Budget,
    Goal,
    OnTimeout,
    OverBudget,
    Staircase,
    Stun,
    Surroundings,
)
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.policies.base import Policy
from nova_livemig_gpu.policies.staircase import StaircasePolicy

# Four fifths of what two such machines can do on two busy cores
RATE_MBIT = 42
LINK_BPS = RATE_MBIT * 125_000
# Memory that is written too, and some that is not
LOAD = Load(ws_mib=4, rate_mib_s=1, fill_mib=16)
DIRTY_MIB_S = 2
# What does not end in so long is given up.
LIMIT_S = 180
ROUNDS = 5


@dataclass(frozen=True)
class Cell:
    """A device: its framebuffer, how fast it writes it, PRE_COPY or not."""

    fb_mib: int
    dirty_mib_s: int
    precopy: bool

    @property
    def name(self) -> str:
        """For people, and the key in the file of runs."""
        dirty = f"{self.dirty_mib_s} MiB/s" if self.dirty_mib_s else "idle"
        precopy = "PRE_COPY" if self.precopy else "no PRE_COPY"
        return f"{self.fb_mib} MiB, {dirty}, {precopy}"


# The stack's own pause: a device with next to nothing in it
EMPTY = Cell(1, 0, True)
CELLS = tuple(
    Cell(fb_mib, dirty, precopy)
    for fb_mib in (16, 64, 256)
    for dirty in (0, DIRTY_MIB_S)
    for precopy in (True, False)
)
GUIDE, DEFAULT, OURS = "vGPU guide", "defaults", "adaptive"
POLICIES = (GUIDE, DEFAULT, OURS)
STAIRS = {
    GUIDE: Staircase(500_000, steps=3, delay_s=3, size_gib=1),
    DEFAULT: Staircase(500, steps=10, delay_s=75, size_gib=1),
}
_BUDGET = Budget(
    policy="adaptive",
    max_downtime_ms=500,
    timeout_s=LIMIT_S,
    on_timeout=OnTimeout.ABORT,
    postcopy=False,
    auto_converge=False,
    bandwidth_mbps=None,
    goal=Goal.FAST,
    over_budget=OverBudget.ALLOW,
)
_OVERHEAD_MS = 300


def policy(name: str, cell: Cell) -> Policy:
    """A way to migrate a device.

    Ours is told what the link carries, the framebuffer's size as the type
    has it, and a budget in which it just fits: all of it, over the link.
    """
    around = Surroundings(overhead_ms=_OVERHEAD_MS, vfio=True)
    if name in STAIRS:
        return StaircasePolicy(
            _BUDGET, replace(around, staircase=STAIRS[name])
        )
    size = cell.fb_mib * 2**20
    stun_ms = size / LINK_BPS * 1e3
    stun = Stun(stun_ms, stun_ms, framebuffer_bytes=size, basis="type")
    budget = replace(_BUDGET, max_downtime_ms=int(stun_ms + 1000))
    return AdaptivePolicy(
        budget,
        replace(around, stun=stun, switchover_mib_s=LINK_BPS // 2**20),
    )


@dataclass(frozen=True)
class Turn:
    """One migration to make: the device, the way, the round."""

    cell: Cell
    policy: str
    round: int

    @property
    def key(self) -> tuple[str, str, int]:
        return self.cell.name, self.policy, self.round


def turns(
    cell: Cell, rounds: int, done: Iterable[tuple[str, str, int]]
) -> Iterator[Turn]:
    """What is left of a cell: the policies in turn, round after round."""
    made = set(done)
    for number in range(rounds):
        for name in POLICIES:
            turn = Turn(cell, name, number)
            if turn.key not in made:
                yield turn
