# SPDX-License-Identifier: Apache-2.0
"""One HTML page with everything in it."""

import base64
import html
from collections.abc import Sequence
from pathlib import Path

from livelab.predicting import figures, table
from livelab.predicting.experience import MODELS
from livelab.predicting.figures import Result

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 70em;
       margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse; margin: 1em 0; font-size: 13.5px }
th, td { padding: .25em .8em; text-align: right; white-space: nowrap }
th { border-bottom: 1px solid #999; font-weight: 600 }
td:first-child, th:first-child { text-align: left }
tr:nth-child(even) td { background: #f6f7f8 }
img { max-width: 100% } .bad { color: #b03a00 }
"""
RUN_HEAD = (
    "migration",
    "predicted total, s",
    "measured",
    "error",
    "predicted downtime, ms",
    "QEMU",
    "outside",
    "passes predicted",
    "measured",
    "MB sent predicted",
    "measured",
)


def write(results: Sequence[Result], png: Path, title: str, to: Path) -> None:
    """Write the page."""
    picture = base64.b64encode(png.read_bytes()).decode()
    runs = figures.counted(results)
    parts = [
        f"<!doctype html><meta charset=utf-8><title>{_text(title)}</title>",
        f"<style>{STYLE}</style><h1>{_text(title)}</h1>",
        "<p>Predictions were made before each migration began.</p>",
        f'<img alt="predicted against measured" '
        f'src="data:image/png;base64,{picture}">',
        "<h2>Models, on the same runs</h2>",
        _table(table.HEAD, table.models(runs)),
        "<h2>Ours, by load, link and budget</h2>",
        _table(table.HEAD, table.groups(runs, MODELS[0])),
        "<h2>Wrong verdicts</h2>",
        "".join(f"<p>{_text(x)}</p>" for x in table.mistakes(runs)) or "none",
        "<h2>Every migration</h2>",
        _table(RUN_HEAD, [_run(result) for result in runs]),
    ]
    to.write_text("\n".join(parts))


def _run(result: Result) -> list[str]:
    did, said = result["did"], result["predicted"][MODELS[0]]
    told = said["converges"]
    no_end = "no end"
    row = [
        result["key"],
        f"{said['total_s']:.1f}" if told else no_end,
        f"{did['total_ms'] / 1e3:.1f}" if did["completed"] else no_end,
        "",
        f"{said['downtime_ms']:.0f}" if told else "",
        str(did["downtime_ms"]) if did["completed"] else "",
        f"{did['pause_ms']:.0f}" if did["pause_ms"] is not None else "",
        str(said["passes"]),
        str(did["passes"]),
        f"{said['sent_bytes'] / 1e6:.0f}",
        f"{did['sent_bytes'] / 1e6:.0f}" if did["sent_bytes"] else "",
    ]
    if told and did["completed"]:
        row[3] = f"{figures.total_error(result, MODELS[0]) * 100:+.1f}%"
    return row


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{_text(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{_text(c)}</td>" for c in row) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{top}</tr>{body}</table>"


def _text(text: str) -> str:
    return html.escape(text)
