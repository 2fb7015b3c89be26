# SPDX-License-Identifier: Apache-2.0
"""How long cells will take: as those did that are done, else simulated."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from livelab.benching.cells import Cell
from livelab.benching.loads import FILLED_MIB, KERNEL_MIB, MEMORY_MIB
from nova_livemig_gpu.exception import LiveMigrationError
from nova_livemig_gpu.planning.foreknown import foreseen
from nova_livemig_gpu.planning.host import Guest, Hosts
from nova_livemig_gpu.planning.simulator import (
    Result,
    Scenario,
    simulate,
)

_MIB = 2**20
#: Seen: verifying and going from cell to cell; the start of a guest; the
#: look at its dirty rate.
BESIDE_S, GUEST_S, LOOK_S = 7.5, 11.0, 4.5


def simulated(
    cell: Cell, cut_s: float, hosts: Hosts | None = None, seed: int = 0
) -> Result | None:
    """The same migration in simulated time; None: its policy failed."""
    policy = cell.contestant.make(cell.budget_ms or 500, cut_s)
    guest = Guest(
        total_bytes=MEMORY_MIB * _MIB,
        nonzero_bytes=(FILLED_MIB + KERNEL_MIB) * _MIB,
        writer=cell.load.writer(cell.link_mbps),
        cpu_share=cell.load.cpu_share(cell.link_mbps),
        age_s=0.0 if cell.load.fresh else 60.0,
    )
    around, way = policy.around, hosts or Hosts(cell.link_mbps)
    if cell.contestant.ours:
        limit_ms = float(getattr(policy, "limit_max_ms", 0))
        around = foreseen(around, guest, way, limit_ms)
    scenario = Scenario(
        guest=guest,
        hosts=way,
        budget=policy.budget,
        around=around,
        seed=seed,
        cut_s=cut_s + 1,
    )
    try:
        return simulate(type(policy), scenario)
    except LiveMigrationError:
        return None


class Estimate:
    """Seconds for cells."""

    def __init__(self, rows: Iterable[Mapping[str, Any]], cut_s: float):
        self._cut_s = cut_s
        self._seen: dict[tuple[Any, ...], list[float]] = {}
        self._guesses: dict[tuple[Any, ...], float] = {}
        for row in rows:
            self.learn(row)

    def learn(self, row: Mapping[str, Any]) -> None:
        """A cell is done."""
        key = (row["load"], row["link_mbps"], row["contestant"])
        self._seen.setdefault(key, []).append(row["whole_s"])

    def seconds(self, cell: Cell) -> float:
        """Of one cell."""
        key = (cell.load.name, cell.link_mbps, cell.contestant.name)
        if key in self._seen:
            return statistics.median(self._seen[key])
        if key not in self._guesses:
            found = simulated(cell, self._cut_s)
            migration_s = found.seen.total_s if found else self._cut_s
            look_s = LOOK_S if cell.contestant.ours else 0.0
            self._guesses[key] = migration_s + BESIDE_S + look_s
        return self._guesses[key]

    def all(self, left: Sequence[Cell], long_s: float) -> float:
        """Of cells in their order: with the guests' starts, and without the
        repeats that ``cells.settled`` will leave out."""
        total, pair = 0.0, None
        for cell in left:
            alone_s = self.seconds(cell)
            if cell.repeat and alone_s - BESIDE_S > long_s:
                continue
            total += alone_s
            if cell.load.fresh or (cell.load, cell.link_mbps) != pair:
                total += GUEST_S
            pair = (cell.load, cell.link_mbps)
        return total
