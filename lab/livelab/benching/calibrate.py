# SPDX-License-Identifier: Apache-2.0
"""The simulator against the real runs: fitted to them, and its error.

The fit is made on one half of the cells (every second one by load, link and
contestant) and the error taken on the other, and the other way round, so
that no cell is judged by constants that it had a part in.
"""

from collections.abc import Sequence
from statistics import median

from livelab.benching import contestants, figures, loads
from livelab.benching.cells import Cell
from livelab.benching.compared import Compared
from livelab.benching.estimate import simulated
from livelab.benching.figures import Row
from livelab.errors import LabError
from nova_livemig_gpu.model import Pass
from nova_livemig_gpu.planning.fitting import Run, fit
from nova_livemig_gpu.planning.host import Hosts

SEEDS = 5


def compare(rows: Sequence[Row], cut_s: float) -> list[Compared]:
    """All cells."""
    halves: tuple[list[Row], list[Row]] = ([], [])
    for number, row in enumerate(_by_place(rows).values()):
        halves[number % 2].extend(row)
    found = []
    for known, judged in (halves, halves[::-1]):
        fitted = fit_links(known or judged, cut_s)
        found += [
            _compared(cell, fitted, cut_s)
            for cell in _by_place(judged).values()
        ]
    return found


def fit_links(rows: Sequence[Row], cut_s: float) -> dict[int, Hosts]:
    """Constants for each link."""
    found = {}
    for link in {row["link_mbps"] for row in rows}:
        done = [
            row
            for row in rows
            if row["link_mbps"] == link and row["outcome"] == "completed"
        ]
        start = Hosts(link, overhead_ms=0.0, end_s=0.0)
        runs = [_run(row, start, cut_s) for row in done]
        found[link] = fit(runs, start)
    return found


def median_error(found: Sequence[Compared]) -> float | None:
    """Of the total's size."""
    errors = [abs(each.error) for each in found if each.error is not None]
    return median(errors) if errors else None


def _by_place(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda r: r["place"]):
        found.setdefault(row["place"], []).append(row)
    return found


def _cell(row: Row) -> Cell:
    return Cell(
        loads.find([row["load"]])[0],
        row["link_mbps"],
        contestants.find([row["contestant"]])[0],
        row["budget_ms"],
        row["repeat"],
    )


def _run(row: Row, start: Hosts, cut_s: float) -> Run:
    did = row["did"]
    again = simulated(_cell(row), cut_s, start)
    return Run(
        link_mbps=row["link_mbps"],
        total_s=figures.total_s(row) or 0.0,
        sent_bytes=did["sent_bytes"] or 0.0,
        passes=tuple(Pass(**each) for each in did["each"]),
        downtime_ms=did["downtime_ms"],
        copy_ms=again.seen.downtime_ms if again else None,
        pause_ms=figures.downtime_ms(row),
        postcopy=row["postcopy"],
        paused=row["paused"],
    )


def _compared(
    rows: Sequence[Row], fitted: dict[int, Hosts], cut_s: float
) -> Compared:
    row = rows[0]
    hosts = fitted.get(row["link_mbps"])
    if hosts is None:
        raise LabError(f"no run over {row['link_mbps']} Mbit/s to learn from")
    again = [
        simulated(_cell(row), cut_s, hosts, seed) for seed in range(SEEDS)
    ]
    ended = [each.seen for each in again if each and each.completed]
    if 2 * len(ended) < SEEDS:
        ended = []
    real = figures.column(rows, row["budget_ms"] or 0)
    return Compared(
        key=row["place"],
        real_s=real.total_s,
        real_ms=real.downtime_ms,
        simulated_s=median([x.total_s for x in ended]) if ended else None,
        simulated_ms=median([x.downtime_ms or 0.0 for x in ended])
        if ended
        else None,
    )


def words(hosts: Hosts) -> str:
    """Constants in words."""
    return (
        f"{hosts.link_mbps:.0f} Mbit/s: efficiency {hosts.efficiency:.3f}, "
        f"set-up {hosts.setup_s:.2f} s, overhead {hosts.overhead_ms:.0f} ms, "
        f"post-copy {hosts.postcopy_ms:.0f} ms, jitter {hosts.jitter:.3f}"
    )
