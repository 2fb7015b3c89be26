# SPDX-License-Identifier: Apache-2.0
"""One line about a migration under way, from its recording so far."""

import json
from pathlib import Path

from livelab.summary import MIGRATION_OUT

TAIL_BYTES = 8192
MIB = 1024 * 1024


def line(recording: Path) -> str:
    """Seconds, pass and what remains; says so when nothing is known."""
    for text in reversed(_tail(recording)):
        try:
            found = json.loads(text)
        except ValueError:
            # The first line of a tail is seldom whole.
            continue
        if found.get("operation") == MIGRATION_OUT:
            return (
                f"{found.get('time_elapsed', 0) / 1000:5.1f} s  "
                f"pass {found.get('memory_iteration', 0)}  "
                f"{found.get('memory_remaining', 0) / MIB:.0f} MiB remain"
            )
    return "the job has not begun"


def _tail(recording: Path) -> list[str]:
    with recording.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - TAIL_BYTES, 0))
        return file.read().decode(errors="replace").splitlines()
