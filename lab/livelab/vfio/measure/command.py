# SPDX-License-Identifier: Apache-2.0
"""lab/vfio measure: the same devices by stock Nova's schedules and by ours.

Needs machines with the test vGPU (lab/vfio up --device vgpu). What is in the
file of runs already is not measured again, so that it can be stopped at any
time. Between the rounds a device with next to nothing in it is migrated: the
pause that the stack itself costs.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import libvirt

from livelab import events
from livelab.cloud.site import Site
from livelab.errors import LabError
from livelab.vfio import table
from livelab.vfio.lab import VfioLab
from livelab.vfio.measure import cells, report, runs
from livelab.vfio.measure.cells import Cell, Turn

if TYPE_CHECKING:
    from livelab.vfio.measure.moving import Moving


def add(parser: argparse.ArgumentParser) -> None:
    """The command's words."""
    parser.add_argument("file", type=Path, help="runs, one JSON a line")
    parser.add_argument("--rounds", type=int, default=cells.ROUNDS)
    parser.add_argument(
        "--fb-mib",
        type=int,
        action="append",
        help="framebuffers to measure (default: 16, 64, 256)",
    )
    parser.add_argument(
        "--seconds", type=float, help="begin nothing new after so long"
    )
    parser.add_argument(
        "--report", action="store_true", help="show what there is"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure what is left, then show all."""
    if not arguments.report:
        libvirt.registerErrorHandler(lambda *_: None, None)
        lab = VfioLab(Site().network)
        if "testvgpu" not in lab.machines[0].run("ls /sys/module"):
            raise LabError("no test vGPU; start with lab/vfio up")
        with events.running():
            _Measuring(lab, arguments).run()
    found = runs.load(arguments.file)
    table.console().print(report.table(found))
    return 0 if all(each.verified is not False for each in found) else 1


class _Measuring:
    def __init__(self, lab: VfioLab, arguments: argparse.Namespace) -> None:
        self.lab = lab
        self.file: Path = arguments.file
        self.rounds: int = arguments.rounds
        self.sizes: Sequence[int] | None = arguments.fb_mib
        self.console = table.console()
        self.end = time.monotonic() + (arguments.seconds or float("inf"))

    def run(self) -> None:
        # Here: it takes Nova's libvirt driver, which takes its time.
        from livelab.vfio.measure.moving import Moving

        self.moving = Moving
        for machine in self.lab.machines:
            machine.shape(cells.RATE_MBIT)
        empty = self.moving(self.lab, "measure-empty", cells.EMPTY)
        try:
            empty.start()
            for cell in cells.CELLS:
                if self.sizes is None or cell.fb_mib in self.sizes:
                    self._cell(cell, empty)
        finally:
            empty.stop()
            for machine in self.lab.machines:
                machine.shape(None)

    def _cell(self, cell: Cell, empty: "Moving") -> None:
        done = [each.key for each in runs.load(self.file) if not each.empty]
        left = list(cells.turns(cell, self.rounds, done))
        if not left or time.monotonic() > self.end:
            return
        moving = self.moving(self.lab, "measure", cell)
        try:
            moving.start()
            for turn in left:
                if time.monotonic() > self.end:
                    return
                if turn.policy == cells.POLICIES[0]:
                    self._go(empty, Turn(cell, cells.OURS, turn.round), True)
                self._go(moving, turn, False)
        finally:
            moving.stop()

    def _go(self, moving: "Moving", turn: Turn, empty: bool) -> None:
        found = moving.go(turn, empty=empty)
        runs.add(self.file, found)
        what = "empty device" if empty else f"{turn.cell.name}, {turn.policy}"
        self.console.print(
            f"  {turn.round + 1}: {what}: {found.ended}, down "
            f"{found.downtime_ms} ms of {found.total_ms} ms, device "
            f"{found.precopy_bytes} B + {found.stop_bytes} B in the stop"
        )
