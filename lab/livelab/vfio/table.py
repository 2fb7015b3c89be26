# SPDX-License-Identifier: Apache-2.0
"""What lab/vfio check found, in words and as a table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from livelab.vfio.check import Leg

HEADINGS = (
    "driver",
    "set up",
    "way",
    "migration",
    "server",
    "device state",
    "total",
    "downtime",
)
WIDTH = 110


def console() -> Console:
    """Wide enough for the table where there is no terminal."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(width=WIDTH)


def line(leg: "Leg") -> str:
    """One migration on one line, as soon as it is over."""
    said = (
        f"{_mark(leg)} {leg.case.driver}, {_set_up(leg)}, {leg.way}: "
        f"{leg.migration} in {leg.seconds:.0f} s, server {leg.server}, device "
        f"state {leg.wrong or 'intact'}"
    )
    return said if leg.good else f"{said}; told: {escape(leg.told)}"


def make(legs: Sequence["Leg"]) -> Table:
    """A row for each migration."""
    table = Table()
    for heading in HEADINGS:
        table.add_column(heading, overflow="fold")
    for leg in legs:
        table.add_row(
            f"{_mark(leg)} {leg.case.driver}",
            _set_up(leg),
            leg.way,
            leg.migration,
            leg.server,
            _state(leg),
            f"{leg.seconds:.0f} s",
            "-" if leg.downtime_ms is None else f"{leg.downtime_ms} ms",
        )
    return table


def _set_up(leg: "Leg") -> str:
    if leg.case.full:
        whose = "and our filters" if leg.case.filters else "Nova's filters"
        return f"full card, {whose}"
    permitted = "permitted" if leg.case.postcopy else "not permitted"
    return f"post-copy {permitted}"


def _state(leg: "Leg") -> str:
    if leg.wrong is not None:
        return "[red]LOST[/]"
    where = "intact" if leg.moved else "intact at the source"
    return f"{where}, new device" if leg.new_device else where


def _mark(leg: "Leg") -> str:
    if leg.good:
        return "[green]✓[/]"
    # Stock Nova is shown where it cannot work, not judged.
    return "[red]✗[/]" if leg.case.must_work else "[yellow]✗[/]"
