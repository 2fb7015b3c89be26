# SPDX-License-Identifier: Apache-2.0
"""What is measured: devices, and ways to migrate them."""

from collections.abc import Iterable
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

# What two such machines can do on two cores of which nobody else takes much
RATE_MBIT = 160
# What a socket has taken and not sent when the guest stops has to be sent in
# the pause: Linux's own most, 4 MiB, are 3 ms at 10 Gbit/s, which nobody sees,
# and 210 ms here. This is 7 ms.
TCP_NOTSENT = 128 * 1024
# Memory that is written too, and more that is not: a guest has more of it
# than framebuffer. It takes time, and shows where a pause holds memory.
WRITTEN_MIB, WRITTEN_MIB_S, KEPT_MIB = 4, 1, 32
LEAST_MIB, MEMORY_TO_FRAMEBUFFER = 60, 2.25
DIRTY_MIB_S = 2
# More than the link carries
FAST_MIB_S = 40
SIZES_MIB = (16, 64, 256)
# What does not end in so long is given up.
LIMIT_S = 180
ROUNDS = 5
# Of what never ends or is refused: it is the same each time.
ENDLESS_ROUNDS = 1


def link_bps(rate_mbit: int) -> int:
    """Bytes a second."""
    return rate_mbit * 125_000


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

    @property
    def load(self) -> Load:
        """The memory of the guest that has it."""
        kept = KEPT_MIB
        if not self.precopy:
            kept = max(LEAST_MIB, int(self.fb_mib * MEMORY_TO_FRAMEBUFFER))
        return Load(WRITTEN_MIB, WRITTEN_MIB_S, kept)

    def cut_s(self, rate_mbit: int) -> int:
        """When stock's defaults are given up: 20 s for the start, and half
        as much again as all memory and device state need on the link."""
        whole = (self.load.memory_mib + self.fb_mib) * 2**20
        return int(20 + 1.5 * whole / link_bps(rate_mbit))


# The stack's own pause: a device with next to nothing in it
EMPTY = Cell(1, 0, True)
CELLS = tuple(
    Cell(fb_mib, dirty, precopy)
    for fb_mib in SIZES_MIB
    for precopy in (True, False)
    for dirty in (0, DIRTY_MIB_S)
)
# It dirties faster than the link carries: what the settings say, happens.
FAST = Cell(64, FAST_MIB_S, True)
NAMED = (*CELLS, FAST)

GUIDE, DEFAULT, OURS = "vGPU guide", "defaults", "adaptive"
POLICIES = (GUIDE, DEFAULT, OURS)
REFUSE, WARN, CUT = (
    "adaptive, 500 ms, refuse",
    "adaptive, 500 ms, warn",
    "adaptive, 500 ms, refuse, stun unknown",
)
FAST_POLICIES = (GUIDE, DEFAULT, REFUSE, WARN, CUT)
STAIRS = {
    GUIDE: Staircase(500_000, steps=3, delay_s=3, size_gib=2),
    DEFAULT: Staircase(500, steps=10, delay_s=75, size_gib=2),
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


def settings(
    name: str, cell: Cell, rate_mbit: int = RATE_MBIT
) -> tuple[Budget, Surroundings]:
    """A way to migrate a device.

    Ours is told what the link carries, the framebuffer's size as the type
    has it, and a budget in which it just fits: all of it, over the link.
    """
    around = Surroundings(overhead_ms=_OVERHEAD_MS, vfio=True)
    if name in STAIRS:
        limit_s = cell.cut_s(rate_mbit) if name == DEFAULT else LIMIT_S
        return (
            replace(_BUDGET, timeout_s=limit_s),
            replace(around, staircase=STAIRS[name]),
        )
    size = cell.fb_mib * 2**20
    stun_ms = size / link_bps(rate_mbit) * 1e3
    stun = Stun(stun_ms, stun_ms, framebuffer_bytes=size, basis="type")
    around = replace(
        around,
        stun=None if name == CUT else stun,
        switchover_mib_s=max(link_bps(rate_mbit) // 2**20, 1),
    )
    if name == OURS:
        return replace(_BUDGET, max_downtime_ms=int(stun_ms + 1000)), around
    over = OverBudget.WARN if name == WARN else OverBudget.REFUSE
    return replace(_BUDGET, over_budget=over), around


def policy(budget: Budget, around: Surroundings) -> Policy:
    """The policy of a way."""
    if around.staircase is not None:
        return StaircasePolicy(budget, around)
    return AdaptivePolicy(budget, around)


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
    like: Cell, number: int, done: Iterable[tuple[str, str, int]]
) -> list[Turn]:
    """What is left of one round with one guest's devices.

    The ways change places each round, so that each has its turn in both
    directions.
    """
    made = set(done)
    place = number % len(POLICIES)
    ways = [*POLICIES[place:], *POLICIES[:place]]
    found = [
        Turn(cell, name, number)
        for cell in CELLS
        if (cell.fb_mib, cell.precopy) == (like.fb_mib, like.precopy)
        for name in ways
        if number < ENDLESS_ROUNDS or not _endless(cell, name)
    ]
    fast = (like.fb_mib, like.precopy) == (FAST.fb_mib, FAST.precopy)
    if fast and number < ENDLESS_ROUNDS:
        found += [Turn(FAST, name, number) for name in FAST_POLICIES]
    return [turn for turn in found if turn.key not in made]


def _endless(cell: Cell, name: str) -> bool:
    """50 ms are never enough for a device that is copied in the stop."""
    return name == DEFAULT and not cell.precopy
