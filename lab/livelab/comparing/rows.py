# SPDX-License-Identifier: Apache-2.0
"""What can be compared: a driver and its options, under a name."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from livelab.cloud.ini import Sections, Value
from livelab.cloud.mode import Driver, Mode
from livelab.errors import LabError


@dataclass(frozen=True)
class Row:
    """One way to migrate.

    budget_ms is the downtime the operator asked for; a migration that is
    not over cut_s seconds after the request is aborted.
    """

    name: str
    title: str
    driver: Driver
    budget_ms: int
    options: Sections = field(default_factory=dict)
    cut_s: float = 300

    @property
    def mode(self) -> Mode:
        """How the computes are to run for it."""
        return Mode(self.driver, self.options)


def _nova(
    downtime_ms: int, steps: int, delay_s: int
) -> dict[str, dict[str, Value]]:
    """Stock Nova's staircase of downtime limits, and nothing beside it."""
    return {
        "libvirt": {
            "live_migration_downtime": downtime_ms,
            "live_migration_downtime_steps": steps,
            "live_migration_downtime_delay": delay_s,
            "live_migration_permit_auto_converge": False,
            "live_migration_permit_post_copy": False,
        }
    }


def _plugin(postcopy: bool) -> dict[str, dict[str, Value]]:
    return {
        "libvirt": {
            "live_migration_permit_post_copy": postcopy,
            "live_migration_permit_auto_converge": False,
        },
        "livemig_gpu": {
            "max_downtime_ms": 300,
            "postcopy": "allow" if postcopy else "forbid",
        },
    }


ROWS = (
    Row(
        "nova-quick",
        "Nova, its quickest staircase",
        "stock",
        300,
        # The smallest values that Nova accepts
        _nova(300, 3, 3),
    ),
    Row("adaptive", "plugin, adaptive", "plugin", 300, _plugin(True)),
    Row(
        "adaptive-no-postcopy",
        "plugin, adaptive, no post-copy",
        "plugin",
        300,
        _plugin(False),
    ),
    Row(
        "nova-default",
        "Nova, its defaults",
        "stock",
        500,
        _nova(500, 10, 75),
        cut_s=120,
    ),
)


def find(names: Sequence[str], cut_s: float | None = None) -> list[Row]:
    """The rows of these names, in this order; raises LabError."""
    known = {row.name: row for row in ROWS}
    wrong = [name for name in names if name not in known]
    if wrong or not names:
        raise LabError(
            f"--rows: {', '.join(wrong) or 'none given'}: must be some of "
            f"{', '.join(known)}"
        )
    if len(set(names)) != len(names):
        raise LabError("--rows: a row is named twice")
    rows = [known[name] for name in names]
    if cut_s is None:
        return rows
    return [replace(row, cut_s=cut_s) for row in rows]
