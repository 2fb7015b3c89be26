# SPDX-License-Identifier: Apache-2.0
"""Plots: time against downtime with the Pareto front; success by load."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from livelab.benching import figures
from livelab.benching.figures import Column, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by colour-blind eyes as well
PRODUCTS = (
    ("adaptive", "#D55E00", "o"),
    ("nova", "#0072B2", "s"),
    ("ovirt", "#009E73", "^"),
    ("kubevirt", "#CC79A7", "D"),
    ("proxmox", "#E69F00", "P"),
    ("xen", "#56B4E9", "X"),
)
INK, FAINT = "#222222", "#9a9a9a"
PANEL_IN = 3.6


def panels(rows: Sequence[Row], budget_ms: float) -> "Figure":
    """One panel for each load and link: medians of those that completed."""
    cells = figures.pairs(rows)
    across = min(3, len(cells))
    down = -(-len(cells) // across)
    figure = _figure(4.4 * across, PANEL_IN * down + 0.6)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for place, ((load, link), cell) in zip(axes, cells.items(), strict=False):
        _panel(place, figures.columns(cell, budget_ms), budget_ms)
        place.set_title(f"{load}, {link} Mbit/s", fontsize=9.5, loc="left")
    for place in axes[len(cells) :]:
        place.set_visible(False)
    _legend(figure, rows)
    return figure


def _panel(axes: "Axes", columns: Sequence[Column], budget_ms: float) -> None:
    points = []
    for each in columns:
        if each.total_s is None or each.downtime_ms is None:
            continue
        point = (each.total_s, max(each.downtime_ms, 1.0))
        points.append(point)
        color, marker = _style(each.name)
        whole = each.completed == each.runs
        axes.scatter(
            *point,
            s=46,
            marker=marker,
            facecolor=color if whole else "none",
            edgecolor=color,
            zorder=3,
        )
    axes.set(xscale="log", yscale="log")
    axes.axhline(budget_ms, color=INK, linewidth=0.8, linestyle=":")
    front = figures.front(points)
    if front:
        axes.step(
            [x for x, _ in front],
            [y for _, y in front],
            where="post",
            color=FAINT,
            linewidth=1,
            zorder=1,
        )
    for axis in (axes.xaxis, axes.yaxis):
        _round_numbers(axis)
    axes.set_xlabel("total, s", fontsize=8.5)
    axes.set_ylabel("downtime, ms", fontsize=8.5)
    _plain(axes)


def success(rows: Sequence[Row], budget_ms: float) -> "Figure":
    """By contestant and load: completed in the budget, or only completed."""
    columns = [each.name for each in figures.columns(rows, budget_ms)]
    loads = list(dict.fromkeys(load for load, _ in figures.pairs(rows)))
    figure = _figure(2.6 + 1.0 * len(loads), 1.2 + 0.32 * len(columns))
    axes = figure.subplots()
    for y, name in enumerate(columns):
        for x, load in enumerate(loads):
            runs = [
                row
                for row in rows
                if (row["load"], row["contestant"]) == (load, name)
                and row["budget_ms"] in (None, budget_ms)
            ]
            if runs:
                _square(axes, x, y, figures.column(runs, budget_ms))
    axes.set_xticks(range(len(loads)), loads, fontsize=8.5)
    axes.set_yticks(range(len(columns)), columns, fontsize=8.5)
    axes.set(xlim=(-0.5, len(loads) - 0.5), ylim=(len(columns) - 0.5, -0.5))
    axes.xaxis.tick_top()
    axes.tick_params(length=0, colors=INK)
    for side in axes.spines.values():
        side.set_visible(False)
    return figure


def _square(axes: "Axes", x: int, y: int, each: Column) -> None:
    from matplotlib.colors import to_rgba

    done, kept = each.completed / each.runs, each.in_budget / each.runs
    color = "#009E73" if kept == 1 else "#E69F00" if done == 1 else "#D55E00"
    axes.barh(y, 0.94, height=0.86, left=x - 0.47, color=to_rgba(color, 0.25))
    text = f"{each.in_budget}/{each.runs}"
    if each.completed != each.in_budget:
        text += f" ({each.completed})"
    axes.text(x, y, text, ha="center", va="center", fontsize=8, color=INK)


def _style(name: str) -> tuple[str, str]:
    for start, color, marker in PRODUCTS:
        if name.startswith(start):
            return color, marker
    return INK, "o"


def _legend(figure: "Figure", rows: Sequence[Row]) -> None:
    from matplotlib.lines import Line2D

    there = {row["contestant"] for row in rows}
    handles = [
        Line2D([], [], linestyle="", marker=marker, color=color, label=start)
        for start, color, marker in PRODUCTS
        if any(name.startswith(start) for name in there)
    ]
    figure.legend(
        handles=handles, loc="outside upper center", ncols=6, frameon=False
    )


def _figure(width: float, height: float) -> "Figure":
    # Here, not above: only those who draw need it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _round_numbers(axis: "Axis") -> None:
    """1, 2, 5, 10, ... as plain numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(ScalarFormatter())
    axis.set_minor_formatter(NullFormatter())


def _plain(axes: "Axes") -> None:
    axes.grid(True, which="both", color="#ededed", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=8, which="both")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
