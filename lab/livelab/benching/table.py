# SPDX-License-Identifier: Apache-2.0
"""Cells of text: the same for the terminal, Markdown, the page and CSV."""

from collections.abc import Sequence
from statistics import median

from livelab.benching import figures
from livelab.benching.compared import Compared
from livelab.benching.figures import Column, Duel, Row

Lines = list[list[str]]
COLUMNS = (
    "policy",
    "completed",
    "in budget",
    "total, s",
    "against limit",
    "downtime, ms",
    "worst, ms",
    "MB sent",
    "passes",
    "guest's work",
    "memory right",
)
SIMULATED = (
    "cell",
    "total, s",
    "simulated",
    "error",
    "downtime, ms",
    "simulated",
)
DUELS = (
    "load",
    "link, Mbit/s",
    "ours",
    "total, s",
    "downtime, ms",
    "best baseline in budget",
    "its total, s",
    "its downtime, ms",
    "ratio",
)
RUNS = (
    "load",
    "link_mbps",
    "contestant",
    "budget_ms",
    "repeat",
    "outcome",
    "total_s",
    "downtime_ms",
    "qemu_downtime_ms",
    "gap_ms",
    "calm_gap_ms",
    "stopped_ms",
    "sent_bytes",
    "passes",
    "postcopy",
    "paused",
    "throttle_percent",
    "work_mib_s",
    "calm_work_mib_s",
    "memory_ok",
    "codes",
    "predicted",
    "predicted_total_s",
    "predicted_downtime_ms",
    "load_average",
)


def overall(rows: Sequence[Row], budget_ms: float) -> Lines:
    """All loads and links together, by contestant."""
    limits = {
        name: median(
            [
                total / figures.limit_s(row)
                for row in rows
                if row["contestant"] == name
                and (total := figures.total_s(row)) is not None
            ]
            or [0.0]
        )
        for name in {row["contestant"] for row in rows}
    }
    return [
        line(each, f"{limits[each.name]:.2f}" if each.completed else "")
        for each in figures.columns(rows, budget_ms)
    ]


def line(each: Column, against_limit: str = "") -> list[str]:
    """One contestant."""
    return [
        each.name,
        f"{each.completed}/{each.runs}",
        f"{each.in_budget}/{each.runs}",
        _number(each.total_s, 1),
        against_limit,
        _number(each.downtime_ms, 0),
        _number(each.worst_ms, 0),
        _number(each.sent_mb, 0),
        _number(each.passes, 0),
        "" if each.work is None else f"{each.work * 100:.0f}%",
        f"{each.memory_ok}/{each.runs}",
    ]


def duels(found: Sequence[Duel]) -> Lines:
    """Cell by cell."""
    return [
        [
            duel.load,
            str(duel.link_mbps),
            f"{duel.name} ({duel.ours.completed}/{duel.ours.runs})",
            _number(duel.ours.total_s, 1),
            _number(duel.ours.downtime_ms, 0),
            duel.best.name if duel.best else "none",
            _number(duel.best.total_s, 1) if duel.best else "",
            _number(duel.best.downtime_ms, 0) if duel.best else "",
            _number(duel.ratio, 2),
        ]
        for duel in found
    ]


def simulations(found: Sequence[Compared]) -> Lines:
    """Real and simulated, cell by cell."""
    return [
        [
            each.key,
            _number(each.real_s, 1) or "not completed",
            _number(each.simulated_s, 1) or "not completed",
            "" if each.error is None else f"{each.error * 100:+.0f}%",
            _number(each.real_ms, 0),
            _number(each.simulated_ms, 0),
        ]
        for each in found
    ]


def runs(rows: Sequence[Row]) -> Lines:
    """Every run, for CSV."""
    return [[_plain(value) for value in _run(row)] for row in rows]


def _run(row: Row) -> list[object]:
    did = row["did"]
    return [
        row["load"],
        row["link_mbps"],
        row["contestant"],
        row["budget_ms"],
        row["repeat"],
        row["outcome"],
        figures.total_s(row),
        figures.downtime_ms(row),
        did["downtime_ms"],
        row["gap_ms"],
        row["calm_gap_ms"],
        row["stopped_ms"],
        did["sent_bytes"],
        did["passes"],
        row["postcopy"],
        row["paused"],
        row["throttle_percent"],
        row["work_mib_s"],
        row["calm_work_mib_s"],
        row["memory_ok"],
        " ".join(row["codes"]),
        *_predicted(row),
        row.get("busy"),
    ]


def _predicted(row: Row) -> list[object]:
    """What was predicted before the start, or why nothing was."""
    foreseen = row.get("foreseen") or {}
    said = foreseen.get("forecast")
    if said is None:
        return [foreseen.get("no_forecast"), None, None]
    if not said["converges"]:
        return ["no end", None, None]
    return [said["mode"], said["total_s"], said["downtime_ms"]]


def markdown(head: Sequence[str], lines: Lines) -> str:
    """A table."""
    rows = [list(head), ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _plain(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
