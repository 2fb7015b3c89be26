# SPDX-License-Identifier: Apache-2.0
"""lab/vfio measure: the same devices by stock Nova's schedules and by ours.

Needs machines with the test vGPU (lab/vfio up --device vgpu). What is in the
file of runs already is not measured again, so that it can be stopped at any
time. Before each guest's turn a device with next to nothing in it is migrated:
the pause that the stack itself costs.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import libvirt
from rich.table import Table

from livelab import events
from livelab.cloud.site import Site
from livelab.errors import LabError
from livelab.vfio import clock, table
from livelab.vfio.lab import VfioLab
from livelab.vfio.measure import cells, files, realtime, report, runs
from livelab.vfio.measure.cells import Cell, Turn
from livelab.vfio.measure.runs import Run

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
        "--only",
        default="",
        help="devices with this in their name (e.g. 'MiB/s, PRE_COPY')",
    )
    parser.add_argument(
        "--rate-mbit",
        type=int,
        default=cells.RATE_MBIT,
        help="of the link; all runs of a file have the same "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--seconds", type=float, help="begin nothing new after so long"
    )
    parser.add_argument(
        "--realtime",
        action="store_true",
        help="the machines go before everything else on this computer",
    )
    parser.add_argument(
        "--report", action="store_true", help="show what there is"
    )
    parser.add_argument(
        "--out", type=Path, help="also write a table, CSV and a plot there"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure what is left, then show all."""
    if not arguments.report:
        _check_rate(arguments.file, arguments.rate_mbit)
        libvirt.registerErrorHandler(lambda *_: None, None)
        lab = VfioLab(Site().network)
        if "testvgpu" not in lab.machines[0].run("ls /sys/module"):
            raise LabError("no test vGPU; start with lab/vfio up")
        if arguments.realtime:
            _go_first(lab)
        with events.running():
            _Measuring(lab, arguments).run()
    found = runs.load(arguments.file)
    shown = Table(title=files.title(found))
    for heading in report.HEADINGS:
        shown.add_column(heading, overflow="fold")
    for row in report.rows(found):
        shown.add_row(*row)
    table.console().print(shown)
    if arguments.out:
        files.write(found, arguments.out)
    return 0 if all(each.verified is not False for each in found) else 1


def _check_rate(file: Path, rate_mbit: int) -> None:
    if rate_mbit < 1:
        raise LabError(f"--rate-mbit {rate_mbit}: at least 1")
    found = runs.load(file)
    if found and found[0].rate_mbit != rate_mbit:
        raise LabError(
            f"{file} has runs at {found[0].rate_mbit} Mbit/s, --rate-mbit is "
            f"{rate_mbit}: name another file"
        )


def _go_first(lab: VfioLab) -> None:
    for machine in lab.machines:
        process = machine.daemon.running()
        if process is not None:
            realtime.give(process.pid)


class _Measuring:
    def __init__(self, lab: VfioLab, arguments: argparse.Namespace) -> None:
        self.lab = lab
        self.file: Path = arguments.file
        self.rounds: int = arguments.rounds
        self.only: str = arguments.only
        self.rate_mbit: int = arguments.rate_mbit
        if not any(self.only in cell.name for cell in cells.NAMED):
            raise LabError(f"--only {self.only!r}: no device has that name")
        self.sizes: Sequence[int] = arguments.fb_mib or cells.SIZES_MIB
        self.console = table.console()
        self.end = time.monotonic() + (arguments.seconds or float("inf"))

    def run(self) -> None:
        # Here: it takes Nova's libvirt driver, which takes its time.
        from livelab.vfio.measure.moving import Moving

        self.moving = Moving
        for machine in self.lab.machines:
            machine.shape(self.rate_mbit)
            machine.run(
                f"sysctl -qw net.ipv4.tcp_notsent_lowat={cells.TCP_NOTSENT}"
            )
        empty = Moving(self.lab, "measure-empty", cells.EMPTY, self.rate_mbit)
        try:
            empty.start()
            for number in range(self.rounds):
                for cell in cells.CELLS:
                    if not cell.dirty_mib_s and cell.fb_mib in self.sizes:
                        self._block(empty, cell, number)
        finally:
            empty.stop()
            for machine in self.lab.machines:
                machine.shape(None)
                machine.run("sysctl -qw net.ipv4.tcp_notsent_lowat=4294967295")

    def _block(self, empty: "Moving", cell: Cell, number: int) -> None:
        """What one round has for one guest, and the empty device."""
        found = runs.load(self.file)
        done = [each.key for each in found if not each.empty]
        left = [
            turn
            for turn in cells.turns(cell, number, done)
            if self.only in turn.cell.name
        ]
        if not left or self._late():
            return
        self._with(empty, [Turn(cell, cells.OURS, number)], True)
        moving = self.moving(self.lab, "measure", cell, self.rate_mbit)
        try:
            moving.start()
            self._with(moving, left, False)
        finally:
            moving.stop()

    def _with(self, moving: "Moving", turns: list[Turn], empty: bool) -> None:
        moving.resume()
        for turn in turns:
            if self._late():
                break
            clock.set_right(self.lab.machines)
            self._show(moving.go(turn, empty=empty))
        moving.check()
        moving.pause()

    def _late(self) -> bool:
        return time.monotonic() > self.end

    def _show(self, found: Run) -> None:
        runs.add(self.file, found)
        what = (
            "empty device" if found.empty else f"{found.cell}, {found.policy}"
        )
        said = f"; {found.error}" if found.error else ""
        self.console.print(
            f"  {found.round + 1}: {what}: {found.ended}, down "
            f"{found.downtime_ms} ms of {found.total_ms} ms, device "
            f"{found.precopy_bytes} B + {found.stop_bytes} B in the stop{said}"
        )
