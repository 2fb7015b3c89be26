# SPDX-License-Identifier: Apache-2.0
"""What lab/vfio check found, in words and as a table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from livelab.vfio.check import Leg

HEADINGS = (
    "driver",
    "post-copy permitted",
    "way",
    "migration",
    "server",
    "device state",
    "seconds",
    "downtime",
    "device data",
    "the owner is told",
)


def line(leg: "Leg") -> str:
    """One migration on one line, as soon as it is over."""
    permitted = "permitted" if leg.case.postcopy else "not permitted"
    return (
        f"{_mark(leg)} {leg.case.driver}, post-copy {permitted}, {leg.way}: "
        f"{leg.migration} in {leg.seconds:.0f} s, server {leg.server}"
    )


def make(legs: Sequence["Leg"]) -> Table:
    """A row for each migration."""
    table = Table()
    for heading in HEADINGS:
        table.add_column(heading, overflow="fold")
    for leg in legs:
        table.add_row(
            f"{_mark(leg)} {leg.case.driver}",
            "yes" if leg.case.postcopy else "no",
            leg.way,
            leg.migration,
            leg.server,
            _state(leg),
            f"{leg.seconds:.0f}",
            _figure(leg.downtime_ms, "ms"),
            _figure(leg.device_bytes, "B"),
            "" if leg.good else escape(leg.told),
        )
    return table


def _state(leg: "Leg") -> str:
    if leg.wrong is not None:
        return f"[red]LOST[/] {escape(leg.wrong)}"
    where = "intact" if leg.moved else "intact at the source"
    return f"{where}, new device" if leg.new_device else where


def _figure(value: int | None, unit: str) -> str:
    return "-" if value is None else f"{value} {unit}"


def _mark(leg: "Leg") -> str:
    if leg.good:
        return "[green]✓[/]"
    # Stock Nova is shown where it cannot work, not judged.
    return "[red]✗[/]" if leg.case.must_work else "[yellow]✗[/]"
