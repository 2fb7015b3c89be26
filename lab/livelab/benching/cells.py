# SPDX-License-Identifier: Apache-2.0
"""The cells of the matrix, in the order in which they run."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from livelab.benching.contestants import Contestant
from livelab.benching.loads import Load


@dataclass(frozen=True)
class Cell:
    """One migration to do.

    :ivar budget_ms: None for who keeps none
    """

    load: Load
    link_mbps: int
    contestant: Contestant
    budget_ms: int | None
    repeat: int

    @property
    def place(self) -> str:
        """What its repeats have in common."""
        budget = "" if self.budget_ms is None else f"/{self.budget_ms}"
        return (
            f"{self.load.name}/{self.link_mbps}/{self.contestant.name}{budget}"
        )

    @property
    def key(self) -> str:
        return f"{self.place}/{self.repeat}"


def cells(
    loads: Sequence[Load],
    links: Sequence[int],
    contestants: Sequence[Contestant],
    budgets: Sequence[int],
    repeats: int,
) -> list[Cell]:
    """Repeat by repeat; within one the pairs of load and link shuffled, and
    within those the contestants, always the same way: whatever the machine
    does meanwhile meets all alike, on the same guest."""
    dice = random.Random(11)
    found = []
    for repeat in range(repeats):
        pairs = [(load, link) for load in loads for link in links]
        dice.shuffle(pairs)
        for load, link in pairs:
            ways = [
                Cell(load, link, each, budget, repeat)
                for each in contestants
                for budget in (budgets if each.ours else (None,))
            ]
            dice.shuffle(ways)
            found += ways
    return found


def settled(
    cell: Cell, rows: Iterable[Mapping[str, Any]], long_s: float
) -> bool:
    """Whether a repeat of it has not ended, or took longer than long_s: it
    would tell nothing new."""
    return any(
        row["place"] == cell.place
        and (row["outcome"] != "completed" or row["did"]["elapsed_s"] > long_s)
        for row in rows
    )
