# SPDX-License-Identifier: Apache-2.0
"""The write loads, the cells they make with links and budgets, their order.

MiB and MiB/s; see lab/guest/options.h. They are made for links of 200 to
800 Mbit/s (23 to 93 MiB/s of payload): `idle` and `steady` fit through all
of them, `saturated` through none, so that its working set decides; the
others lie between.
"""

import itertools
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MEMORY_MIB = 256
LOADS: Mapping[str, Mapping[str, object]] = {
    "idle": {"ws": 16, "fill": 64, "rate": 0},
    "steady": {"ws": 64, "fill": 112, "rate": 12},
    "random": {"ws": 96, "fill": 80, "rate": 36, "pattern": "random"},
    "saturated": {"ws": 24, "fill": 152, "rate": 110},
    "burst": {
        "ws": 96,
        "fill": 80,
        "rate": 60,
        "pattern": "burst",
        "period": 2,
    },
    "growing": {
        "ws": 128,
        "fill": 48,
        "rate": 30,
        "pattern": "grow",
        "period": 150,
    },
    "two sets": {
        "ws": 96,
        "fill": 80,
        "rate": 50,
        "threads": 2,
        "share": 20,
        "hot": 85,
    },
}
LINKS_MBPS = (200, 400, 800)
BUDGETS_MS = (300, 1000)
REPEATS = 2


@dataclass(frozen=True)
class Cell:
    """One migration to do."""

    load: str
    link_mbps: int
    budget_ms: int
    repeat: int

    @property
    def key(self) -> str:
        return f"{self.load}/{self.link_mbps}/{self.budget_ms}/{self.repeat}"


def cells(
    loads: Iterable[str] = LOADS,
    links: Sequence[int] = LINKS_MBPS,
    budgets: Sequence[int] = BUDGETS_MS,
    repeats: int = REPEATS,
) -> list[Cell]:
    """All cells: repeat by repeat, the loads in turn, within a load
    shuffled (always the same way), so that a drift of the machine meets
    all loads alike and no link comes always first."""
    dice = random.Random(5)
    found = []
    loads = list(loads)
    for repeat in range(repeats):
        dice.shuffle(loads)
        for load in loads:
            ways = list(itertools.product(links, budgets))
            dice.shuffle(ways)
            found += [Cell(load, *way, repeat) for way in ways]
    return found
