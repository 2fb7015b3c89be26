# SPDX-License-Identifier: Apache-2.0
"""Results as tables, and what follows from them."""

from collections.abc import Mapping, Sequence

from rich.markup import escape
from rich.table import Table

from livelab.tempest.runner import Row

LONGEST = 400
MARKS = {"success": "[green]ok", "skip": "[yellow]skipped"}


def table(title: str, runs: Mapping[str, Sequence[Row]]) -> Table:
    """A row for each test, a column for each run."""
    made = Table(title=title, title_justify="left")
    made.add_column("test", overflow="fold")
    by_run = {name: {r.test: r for r in rows} for name, rows in runs.items()}
    for name in runs:
        made.add_column(name)
    for test in tests(runs):
        cells = [_cell(rows.get(test)) for rows in by_run.values()]
        made.add_row(escape(short(test)), *cells)
    made.add_section()
    made.add_row("", *map(totals, runs.values()))
    return made


def reasons(runs: Mapping[str, Sequence[Row]]) -> list[str]:
    """A line for each test that was skipped or failed, and why; those of
    several runs with the same reason once."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, rows in runs.items():
        for row in rows:
            if row.result != "success":
                found.setdefault((row.test, why(row)), []).append(name)
    return [
        f"{short(test)} ({', '.join(names)}): {why}"
        for (test, why), names in sorted(found.items())
    ]


def failed(rows: Sequence[Row]) -> list[str]:
    """The tests that neither succeeded nor were skipped."""
    return [r.test for r in rows if r.result not in ("success", "skip")]


def differences(one: Sequence[Row], other: Sequence[Row]) -> list[str]:
    """The tests whose results differ."""
    first = {row.test: row.result for row in one}
    second = {row.test: row.result for row in other}
    return sorted(
        test
        for test in first.keys() | second.keys()
        if first.get(test) != second.get(test)
    )


def tests(runs: Mapping[str, Sequence[Row]]) -> list[str]:
    """All that any run has."""
    return sorted({row.test for rows in runs.values() for row in rows})


def _cell(row: Row | None) -> str:
    if row is None:
        return "-"
    mark = MARKS.get(row.result, f"[red]{row.result}")
    return mark if row.result == "skip" else f"{mark}[/] {row.seconds:.0f} s"


def totals(rows: Sequence[Row]) -> str:
    """How many of each result, and the seconds."""
    counts = [
        f"{sum(row.result == result for row in rows)} {word}"
        for result, word in (("success", "ok"), ("skip", "skipped"))
    ]
    seconds = sum(row.seconds for row in rows)
    bad = len(failed(rows))
    return ", ".join([*counts, f"{bad} failed", f"{seconds:.0f} s"])


def short(test: str) -> str:
    """A name without what all have in common."""
    for prefix in ("tempest.api.compute.admin.", "nova_livemig_gpu.tempest."):
        test = test.replace(prefix, "")
    return test


def why(row: Row) -> str:
    """A skip's reason; a traceback's last line."""
    text = row.reason.strip()
    if row.result != "skip" and text:
        text = text.splitlines()[-1]
    return " ".join(text.split())[:LONGEST]
