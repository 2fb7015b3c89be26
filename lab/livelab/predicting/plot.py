# SPDX-License-Identifier: Apache-2.0
"""The plot: predicted against measured, total and downtime."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from livelab.predicting import figures
from livelab.predicting.figures import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by colour-blind eyes as well
COLORS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#222222",
)
INK, FAINT = "#222222", "#9a9a9a"
OURS, CONSTANT = "ours", "constant rate"
#: The bands: what is asked for.
TOTAL_BAND, DOWNTIME_BAND = 0.07, 0.20


def draw(results: Sequence[Result], title: str) -> "Figure":
    """Two panels; the constant-rate model in grey behind."""
    # Here, not above: only those who draw need it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.0, 6.2), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    _panel(
        left,
        results,
        "total time, s",
        TOTAL_BAND,
        lambda r: r["did"]["total_ms"] / 1e3,
        lambda r, model: figures.said(r, model)["total_s"],
    )
    _panel(
        right,
        results,
        "downtime, ms",
        DOWNTIME_BAND,
        lambda r: r["did"]["downtime_ms"],
        lambda r, model: figures.said(r, model)["downtime_ms"],
    )
    figure.suptitle(title, fontsize=11, color=INK, x=0.01, ha="left")
    left.legend(loc="upper left", fontsize=8.5, frameon=False)
    return figure


def _panel(
    axes: "Axes",
    results: Sequence[Result],
    name: str,
    band: float,
    real: Callable[[Result], float],
    told: Callable[[Result, str], float],
) -> None:
    def points(runs: Sequence[Result], model: str) -> Any:
        both = [
            r
            for r in runs
            if figures.ended(r) and figures.said(r, model)["converges"]
        ]
        return [real(r) for r in both], [told(r, model) for r in both]

    x, y = points(results, CONSTANT)
    axes.scatter(
        x,
        y,
        marker="x",
        s=26,
        color=FAINT,
        linewidths=1,
        label="constant rate",
        zorder=2,
    )
    every = [*x, *y]
    for number, load in enumerate(sorted({r["load"] for r in results})):
        x, y = points([r for r in results if r["load"] == load], OURS)
        every += [*x, *y]
        color = COLORS[number % len(COLORS)]
        axes.scatter(x, y, s=30, color=color, label=load, zorder=3)
    if not every:
        return
    low, high = 0.85 * min(every), 1.18 * max(every)
    _diagonal(axes, low, high, band)
    axes.set_xlabel(f"measured {name}", fontsize=9.5, color=INK)
    axes.set_ylabel(f"predicted {name}", fontsize=9.5, color=INK)


def _diagonal(axes: "Axes", low: float, high: float, band: float) -> None:
    axes.plot([low, high], [low, high], color=INK, linewidth=0.8, zorder=1)
    axes.fill_between(
        [low, high],
        [low * (1 - band), high * (1 - band)],
        [low * (1 + band), high * (1 + band)],
        color="#e8eef3",
        zorder=0,
        label=f"±{band * 100:.0f}%",
    )
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
    axes.set_aspect("equal")
    axes.grid(True, which="both", color="#ededed", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=8.5, which="both")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
