# SPDX-License-Identifier: Apache-2.0
"""Results of Tempest for the documentation."""

from collections.abc import Iterable, Mapping, Sequence

from livelab.tempest import show
from livelab.tempest.runner import Row


def page(runs: Mapping[str, Sequence[Row]]) -> str:
    """One table in RST: a row for each test, a column for each run, in
    seconds; below it what was skipped or failed, and why."""
    by_run = [{row.test: row for row in rows} for rows in runs.values()]
    lines = [".. list-table::", "   :header-rows: 1", ""]
    lines += _row("test", runs)
    for test in show.tests(runs):
        name = f"``{show.short(test)}``"
        lines += _row(name, [_cell(rows.get(test)) for rows in by_run])
    lines += _row("together", map(show.totals, runs.values()))
    return "\n".join([*lines, "", *_reasons(runs)]).rstrip() + "\n"


def _row(first: str, others: Iterable[str]) -> list[str]:
    return [f"   * - {first}", *(f"     - {each}" for each in others)]


def _cell(row: Row | None) -> str:
    if row is None:
        return "—"
    words = {"success": f"{row.seconds:.0f} s", "skip": "skipped"}
    return words.get(row.result, row.result)


def _reasons(runs: Mapping[str, Sequence[Row]]) -> list[str]:
    """A line for each reason, with all that has it."""
    found: dict[str, list[str]] = {}
    for rows in runs.values():
        for row in rows:
            if row.result != "success":
                names = found.setdefault(show.why(row), [])
                name = f"``{show.short(row.test)}``"
                if name not in names:
                    names.append(name)
    return [f"* {', '.join(names)}: {why}" for why, names in found.items()]
