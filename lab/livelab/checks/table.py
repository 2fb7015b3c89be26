# SPDX-License-Identifier: Apache-2.0
"""What was found, as a table: stock Nova and the plugin side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table

from livelab.checks.trial import Note, Notes, Trial

LONGEST = 300


@dataclass(frozen=True)
class Found:
    """One trial with one driver."""

    trial: Trial
    driver: str
    notes: Notes
    seconds: float

    @property
    def bad(self) -> bool:
        return self.notes.failed


def line(note: Note, driver: str) -> str:
    """One note on one line of the terminal."""
    return f"{_mark(note, driver)} {escape(note.what)}: {_got(note)}"


def make(found: Sequence[Found]) -> Table:
    """A row for each thing that was looked at."""
    table = Table(show_lines=False)
    for name in ("trial", "what must come out", "stock Nova", "plugin"):
        table.add_column(name, overflow="fold")
    for trial in dict.fromkeys(one.trial.name for one in found):
        both = {o.driver: o for o in found if o.trial.name == trial}
        _add(table, trial, both)
        table.add_section()
    return table


def _add(table: Table, name: str, both: dict[str, Found]) -> None:
    notes = {
        driver: {note.what: note for note in one.notes.items}
        for driver, one in both.items()
    }
    wanted = dict.fromkeys(
        what
        for driver in ("plugin", "stock")
        for what in notes.get(driver, {})
    )
    for what in wanted:
        cells = [
            _cell(notes.get(driver, {}).get(what), driver)
            for driver in ("stock", "plugin")
        ]
        table.add_row(name, escape(what), *cells)
        name = ""


def _cell(note: Note | None, driver: str) -> str:
    return f"{_mark(note, driver)} {_got(note)}" if note else ""


def _got(note: Note) -> str:
    text = " ".join(note.got.split())
    cut = text if len(text) <= LONGEST else text[:LONGEST] + " …"
    return escape(cut)


def _mark(note: Note, driver: str) -> str:
    if note.ok is None:
        return "[dim]·[/]"
    if note.ok:
        return "[green]✓[/]"
    # Stock Nova is shown, not judged.
    return "[red]✗[/]" if driver == "plugin" else "[yellow]✗[/]"
