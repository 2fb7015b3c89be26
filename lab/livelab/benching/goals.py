# SPDX-License-Identifier: Apache-2.0
"""What is asked of the project's policy, and what there is, in sentences."""

from collections.abc import Sequence
from statistics import median

from livelab.benching import contestants, figures
from livelab.benching.figures import Duel, Row

#: No cell may be worse than that against the best baseline.
WORST_RATIO = 1.15
GUIDE = "nova-vgpu-guide"


def goals(rows: Sequence[Row], budget_ms: int) -> list[str]:
    """One of ours after the other."""
    duels = figures.duels(rows, budget_ms)
    said = []
    for each in contestants.ALL:
        mine = [
            row
            for row in rows
            if (row["contestant"], row["budget_ms"]) == (each.name, budget_ms)
        ]
        if each.ours and mine:
            fought = [duel for duel in duels if duel.name == each.name]
            said += [
                f"{each.name}: {line}"
                for line in _of_one(mine, rows, fought, budget_ms)
            ]
    return said + [_loss(duel) for duel in duels if _lost(duel)]


def _of_one(
    mine: Sequence[Row],
    rows: Sequence[Row],
    duels: Sequence[Duel],
    budget_ms: int,
) -> list[str]:
    done = [row for row in mine if row["outcome"] == "completed"]
    kept = sum(figures.kept(row, budget_ms) for row in mine)
    said = [
        f"completed {len(done)} of {len(mine)}, kept {budget_ms} ms in {kept}"
    ]
    for name, low, high in (
        ("half the link's rate or more", 0.5, 99.0),
        ("less", 0.0, 0.49),
    ):
        ratios = [
            duel.ratio
            for duel in duels
            if duel.ratio and low <= figures.SHARES.get(duel.load, 0) <= high
        ]
        if ratios:
            said.append(
                f"loads that write {name}: median total {median(ratios):.2f} "
                f"of the best baseline's that kept the budget, worst "
                f"{max(ratios):.2f} ({len(ratios)} cells)"
            )
    limits = [
        total / figures.limit_s(row)
        for row in done
        if (total := figures.total_s(row)) is not None
    ]
    if limits:
        said.append(
            f"total: median {median(limits):.2f} of the physical limit"
        )
    return said + _against_guide(mine, rows)


def _against_guide(mine: Sequence[Row], rows: Sequence[Row]) -> list[str]:
    """Ratios of medians, cell by cell, to Nova with the vGPU guide."""
    guide = [row for row in rows if row["contestant"] == GUIDE]
    downs, totals = [], []
    for pair, cell in figures.pairs(mine).items():
        theirs = figures.pairs(guide).get(pair)
        if not theirs:
            continue
        one, other = figures.column(cell, 0), figures.column(theirs, 0)
        if one.downtime_ms and other.downtime_ms:
            downs.append(one.downtime_ms / other.downtime_ms)
        if one.total_s and other.total_s:
            totals.append(one.total_s / other.total_s)
    if not (downs and totals):
        return []
    return [
        f"against {GUIDE}: downtime {median(downs):.2f}, total "
        f"{median(totals):.2f} (median of {len(totals)} cells)"
    ]


def _lost(duel: Duel) -> bool:
    return duel.ratio is not None and duel.ratio > WORST_RATIO


def _loss(duel: Duel) -> str:
    best = duel.best.name if duel.best else ""
    return (
        f"more than {WORST_RATIO} of the best baseline's: {duel.load}, "
        f"{duel.link_mbps} Mbit/s, {duel.name}: {duel.ratio:.2f} of {best}"
    )
