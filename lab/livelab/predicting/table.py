# SPDX-License-Identifier: Apache-2.0
"""Figures as tables of words, for terminal and page."""

from collections.abc import Callable, Sequence

from rich.table import Table

from livelab.predicting import figures
from livelab.predicting.experience import MODELS
from livelab.predicting.figures import Figures, Result

HEAD = (
    "",
    "runs",
    "total, median error",
    "90% below",
    "downtime, median error",
    "",
    "within 20% or 50 ms",
    "wrong verdicts",
)
GROUPS = ("load", "link_mbps", "budget_ms")
NAMES = {"load": "{}", "link_mbps": "{} Mbit/s", "budget_ms": "{} ms budget"}


def models(results: Sequence[Result]) -> list[list[str]]:
    """A row for each model, on the same runs."""
    return [_row(model, figures.of(results, model)) for model in MODELS]


def groups(results: Sequence[Result], model: str) -> list[list[str]]:
    """A row for each load, link and budget."""
    rows = []
    for key in GROUPS:
        for value in sorted({r[key] for r in results}):
            found = [r for r in results if r[key] == value]
            rows.append(
                _row(NAMES[key].format(value), figures.of(found, model))
            )
    return rows


def mistakes(results: Sequence[Result]) -> list[str]:
    """The wrong verdicts of ours, in words."""
    return [
        f"{r['key']}: predicted {r['predicted'][MODELS[0]]['why']!r}, "
        + (
            f"ended after {r['did']['total_ms'] / 1e3:.1f} s"
            if figures.ended(r)
            else f"had no end in {r['did']['elapsed_s']:.0f} s, "
            f"{r['did']['passes']} passes"
        )
        for r in results
        if figures.wrong(r, MODELS[0])
    ]


def rich(title: str, rows: Sequence[Sequence[str]]) -> Table:
    """For the terminal."""
    table = Table(title=title, title_justify="left")
    for number, name in enumerate(HEAD):
        table.add_column(name, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    return table


def _row(name: str, found: Figures) -> list[str]:
    return [
        name,
        str(found.runs),
        _as(found.total, _percent),
        _as(found.total_p90, _percent),
        _as(found.downtime, _percent),
        _as(found.downtime_ms, "{:.0f} ms".format),
        _as(found.downtime_right, _percent),
        f"{found.wrong} ({_percent(found.wrong / max(found.runs, 1))})",
    ]


def _percent(value: float) -> str:
    return f"{value * 100:.1f}%"


def _as(value: float | None, form: Callable[[float], str]) -> str:
    return "-" if value is None else form(value)
