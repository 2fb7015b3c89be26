# SPDX-License-Identifier: Apache-2.0
"""The plot: every pause, beside the least that there can be."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from livelab.vfio.measure import cells, report
from livelab.vfio.measure.runs import Run, of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by colour-blind eyes as well
COLORS = {
    cells.GUIDE: "#D55E00",
    cells.DEFAULT: "#E69F00",
    cells.OURS: "#0072B2",
}
INK, FAINT = "#222222", "#9a9a9a"
LEAST_MS = 10


def draw(runs: Sequence[Run], title: str) -> "Figure":
    """A row for each device; a cross at the right: it did not arrive."""
    # Here, not above: only those who draw need it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = report.lines(runs)
    figure = Figure(figsize=(10.0, 1.6 + 0.45 * len(shown)))
    figure.set_layout_engine("constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    most = max((run.downtime_ms or 0 for run in runs), default=1) * 2
    for place, one in enumerate(shown):
        if one.minimum_ms is not None and one.allowed_ms is not None:
            axes.hlines(
                place,
                max(one.minimum_ms, LEAST_MS),
                one.allowed_ms,
                color=FAINT,
                linewidth=9,
                alpha=0.35,
            )
        for shift, name in zip(
            (-0.22, 0.0, 0.22), cells.POLICIES, strict=True
        ):
            some = of(runs, one.cell.name, name)
            down = [r.downtime_ms for r in some if r.downtime_ms is not None]
            axes.plot(
                [max(each, LEAST_MS) for each in down],
                [place + shift] * len(down),
                "o",
                color=COLORS[name],
                markersize=5,
                alpha=0.8,
                label=name if place == 0 else None,
            )
            if len(down) < len(some):
                axes.plot([most], [place + shift], "x", color=COLORS[name])
    axes.set_yticks(range(len(shown)), [one.cell.name for one in shown])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel(
        "downtime, ms; grey: from the minimum to 1.3 x minimum + floor; "
        "x: given up"
    )
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(axis="x", color=FAINT, alpha=0.3)
    axes.legend(loc="best", fontsize=8.5, frameon=False)
    figure.suptitle(title, fontsize=11, color=INK, x=0.01, ha="left")
    return figure
