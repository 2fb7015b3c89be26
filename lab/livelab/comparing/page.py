# SPDX-License-Identifier: Apache-2.0
"""One HTML page with plot and tables; it needs no other file."""

from collections.abc import Iterable, Sequence
from html import escape

from livelab.comparing.measures import MEASURES
from livelab.comparing.table import Cells

STYLE = """\
body { font: 15px/1.45 system-ui, sans-serif; color: #222;
  max-width: 75em; margin: 2em auto; padding: 0 1em; }
svg { width: 100%; height: auto; }
div { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px;
  font-variant-numeric: tabular-nums; }
th, td { padding: .3em .7em; text-align: right;
  border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; white-space: nowrap; }
.bad { color: #b00020; font-weight: bold; }
pre { overflow-x: auto; font-size: 12.5px; }
p { color: #555; }
"""
NOTES = """\
Thin lines are the other runs of a row; decisions are those of the thick
one, whose total is the row's median."""


def html(
    title: str,
    svg: str,
    tables: Iterable[tuple[Sequence[str], list[Cells]]],
    decisions: Iterable[str],
) -> str:
    """The page's text; svg as matplotlib writes it."""
    drawing = svg[svg.index("<svg") :]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        drawing,
        *(_table(headings, lines) for headings, lines in tables),
        f"<p>{escape(NOTES)}</p>",
        f"<pre>{escape(MEASURES)}</pre>",
        "<h2>Decisions</h2>",
        f"<pre>{escape(chr(10).join(decisions))}</pre>",
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _table(headings: Sequence[str], lines: Iterable[Cells]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    body = "\n".join(_line(line) for line in lines)
    return f"<div><table><tr>{head}</tr>\n{body}\n</table></div><br>"


def _line(line: Cells) -> str:
    cells = "".join(f"<td>{escape(text)}</td>" for text in line.texts)
    return f'<tr class="bad">{cells}</tr>' if line.bad else f"<tr>{cells}</tr>"
