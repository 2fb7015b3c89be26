# SPDX-License-Identifier: Apache-2.0
"""One HTML page with everything in it."""

import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from livelab.benching.table import Lines
from livelab.predicting.page import STYLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: What is below: heading, text, and what stands under it.
Part = tuple[str, str, str]
NOTES = """\
Each migration is a real one: QEMU guests of 256 MiB between two libvirtds
in namespaces of one machine, over a shaped link. The policies take turns on
the same guest. total: as QEMU counts it. downtime: the longer of QEMU's
figure and the longest gap between the marks that the guest writes every 10
ms wherever it runs, less the longest gap in the seconds before. in budget:
completed with a downtime within the budget. A migration that is not
completed when it is cut counts as failed. A cell that took longer than 20
seconds, or failed, is not repeated. memory: every byte was verified by
the guest after the migration. against limit: total, over non-zero memory by
link rate. Dotted: the budget; grey: the Pareto front; hollow: some runs
failed."""


def write(title: str, parts: Sequence[Part], to: Path) -> None:
    """Write the page."""
    body = [
        f"<!doctype html><meta charset=utf-8><title>{text(title)}</title>",
        f"<style>{STYLE} svg {{ max-width: 100%; height: auto }}</style>",
        f"<h1>{text(title)}</h1>",
        *(f"<h2>{text(a)}</h2><p>{text(b)}</p>{c}" for a, b, c in parts),
        f"<h2>How it was measured</h2><p>{text(NOTES)}</p>",
    ]
    to.write_text("\n".join(body))


def svg(figure: "Figure") -> str:
    """A plot, to stand in the page."""
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg")
    found = drawn.getvalue()
    return found[found.index("<svg") :]


def table(head: Sequence[str], rows: Lines) -> str:
    """A table, to stand in the page."""
    top = "".join(f"<th>{text(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{text(c)}</td>" for c in row) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{top}</tr>{body}</table>"


def listed(lines: Sequence[str]) -> str:
    """A list, to stand in the page."""
    return "<ul>" + "".join(f"<li>{text(x)}</li>" for x in lines) + "</ul>"


def text(plain: str) -> str:
    """Escaped."""
    return html.escape(plain)
