# SPDX-License-Identifier: Apache-2.0
"""The plot: what remained to be sent, over time, row by row."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from livelab.comparing import medians
from livelab.comparing.figures import Figures
from livelab.comparing.rows import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MIB = 1024 * 1024
# Okabe and Ito's colours, told apart by colour-blind eyes as well
COLORS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INK, FAINT = "#222222", "#8a8a8a"
# Decisions stand above the curve, in so many lines of text; a letter is so
# much of the panel's width.
LEVELS, HEADROOM, CHAR_SHARE = 3, 1.3, 0.0075
PANEL_IN, HEAD_IN, WIDTH_IN = 2.25, 1.0, 10.0


def draw(rows: Sequence[Row], runs: Sequence[Figures], title: str) -> "Figure":
    """One panel for each row, all with the same axes."""
    # Here, not above: only those who draw need it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [row for row in rows if _of(row, runs)]
    height = HEAD_IN + PANEL_IN * len(shown)
    figure = Figure(figsize=(WIDTH_IN, height), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(
        len(shown), 1, sharex=True, sharey=True, squeeze=False
    )
    end_s = _end_s(runs)
    for index, row in enumerate(shown):
        color = COLORS[index % len(COLORS)]
        _panel(panels[index][0], row, _of(row, runs), color, end_s)
    top = max(left for run in runs for _, left in run.series) / MIB
    panels[0][0].set_ylim(0, HEADROOM * top)
    panels[-1][0].set_xlabel("seconds since the migration's job began")
    figure.suptitle(title, fontsize=11, color=INK, x=0.01, ha="left")
    return figure


def save(figure: "Figure", png: Path, svg: Path) -> None:
    """Both kinds of file."""
    figure.savefig(png, dpi=150)
    figure.savefig(svg, format="svg")


def _of(row: Row, runs: Sequence[Figures]) -> list[Figures]:
    return [run for run in runs if run.row == row.name and run.series]


def _end_s(runs: Sequence[Figures]) -> float:
    """The longest run that came to its end; one that was cut runs off."""
    whole = [run.series[-1][0] for run in runs if run.series and not run.cut]
    cut = [run.series[-1][0] for run in runs if run.series]
    return 1.12 * max(whole or cut, default=1.0)


def _panel(
    axes: "Axes", row: Row, runs: Sequence[Figures], color: str, end_s: float
) -> None:
    middle = medians.middle(runs)
    for run in runs:
        if run is not middle:
            _line(axes, run, color, 0.35, 0.8)
    _line(axes, middle, color, 1.0, 1.8)
    _end(axes, middle, color, end_s)
    _marks(axes, middle, end_s)
    axes.set_title(
        _caption(row, runs), loc="left", fontsize=9.5, color=INK, pad=5
    )
    axes.set_ylabel("MiB remaining", fontsize=9, color=INK)
    axes.set_xlim(0, end_s)
    axes.grid(True, color="#e4e4e4", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=8.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _line(
    axes: "Axes", run: Figures, color: str, alpha: float, width: float
) -> None:
    times = [t for t, _ in run.series]
    left = [remaining / MIB for _, remaining in run.series]
    axes.plot(times, left, color=color, alpha=alpha, linewidth=width)


def _end(axes: "Axes", run: Figures, color: str, end_s: float) -> None:
    """Where the run that is shown came to its end, or that it did not."""
    last_s, remaining = run.series[-1]
    if run.cut or last_s > end_s:
        axes.annotate(
            f"no end; cut after {run.ran_s:.0f} s  →",
            xy=(0.995, 0.86),
            xycoords="axes fraction",
            ha="right",
            fontsize=9,
            color=INK,
        )
        return
    axes.plot([last_s], [remaining / MIB], "o", color=color, clip_on=False)
    axes.annotate(
        _total(run),
        xy=(last_s, remaining / MIB),
        xytext=(7, 7),
        textcoords="offset points",
        fontsize=10,
        fontweight="bold",
        color=color,
    )


def _total(run: Figures) -> str:
    if run.total_ms is None:
        return run.outcome
    return f"{run.total_ms / 1000:.1f} s"


def _marks(axes: "Axes", run: Figures, end_s: float) -> None:
    """A line for each decision, and its code where there is room."""
    taken_until = [0.0] * LEVELS
    for taken in run.decisions:
        at_s = max(taken.t_s, 0.0)
        text = f"{taken.code} ({at_s:.1f} s)"
        free = [n for n in range(LEVELS) if taken_until[n] <= at_s]
        level = free[0] if free else LEVELS - 1
        taken_until[level] = at_s + CHAR_SHARE * len(text) * end_s
        left = taken_until[level] > end_s
        axes.axvline(at_s, color=INK, linewidth=1, linestyle=":")
        axes.annotate(
            text,
            xy=(at_s, 0.98 - 0.12 * level),
            xycoords=axes.get_xaxis_transform(),
            xytext=(-4 if left else 4, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="top",
            fontsize=8.5,
            color=INK,
        )


def _caption(row: Row, runs: Sequence[Figures]) -> str:
    """Budget and totals."""
    (sums,) = medians.compute(runs)
    words = [row.title, f"budget {row.budget_ms} ms"]
    if sums.cut == sums.runs:
        words.append(f"{sums.runs} of {sums.runs} runs cut")
    else:
        more = "≥ " if sums.at_least else ""
        kind = "median total" if sums.runs > 1 else "total"
        words.append(f"{kind} {more}{sums.total_s or 0:.1f} s")
        words.append(f"longest downtime {sums.worst_downtime_ms} ms")
    if sums.bytes:
        words.append(f"{sums.bytes / 1e6:.0f} MB sent")
    return "  ·  ".join(words)
