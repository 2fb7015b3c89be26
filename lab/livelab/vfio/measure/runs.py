# SPDX-License-Identifier: Apache-2.0
"""What was measured, one JSON object a line."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from livelab.errors import LabError


@dataclass(frozen=True)
class Run:
    """One migration, over a link of so many Mbit/s.

    ended is the job's end; downtime_ms and total_ms are libvirt's. Bytes of
    device state are the source device's own count, before the stop and in
    it. verified: every block at the target has its stamp, and the sum over
    all stamps is the source's; None where it did not arrive.
    """

    rate_mbit: int
    cell: str
    policy: str
    round: int
    empty: bool
    ended: str
    downtime_ms: int | None
    total_ms: int | None
    passes: int | None
    precopy_bytes: int | None
    stop_bytes: int | None
    verified: bool | None
    limits: tuple[tuple[str, int | None], ...]
    error: str | None

    @property
    def key(self) -> tuple[str, str, int]:
        return self.cell, self.policy, self.round

    @classmethod
    def parse(cls, line: str) -> Self:
        """From a line; raises ValueError, TypeError for what is none."""
        body = json.loads(line)
        body["limits"] = tuple((code, limit) for code, limit in body["limits"])
        return cls(**body)


def load(file: Path) -> list[Run]:
    """All runs of a file; a line that was cut short is left out. Raises
    LabError where they are of different links."""
    found = _runs(file)
    rates = sorted({run.rate_mbit for run in found})
    if len(rates) > 1:
        told = ", ".join(map(str, rates))
        raise LabError(f"{file} has runs at {told} Mbit/s: keep one of them")
    return found


def _runs(file: Path) -> list[Run]:
    if not file.exists():
        return []
    found = []
    for line in file.read_text().splitlines():
        try:
            found.append(Run.parse(line))
        except (ValueError, TypeError, KeyError):
            continue
    return found


def add(file: Path, run: Run) -> None:
    """Write one run, whole, at the end."""
    with file.open("a") as out:
        out.write(json.dumps(asdict(run)) + "\n")


def of(runs: Sequence[Run], cell: str, policy: str) -> list[Run]:
    """Those of one cell and one way; not those of the empty device."""
    return [
        run
        for run in runs
        if (run.cell, run.policy, run.empty) == (cell, policy, False)
    ]
