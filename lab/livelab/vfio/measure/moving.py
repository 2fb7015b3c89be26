# SPDX-License-Identifier: Apache-2.0
"""Guests with a test vGPU, moved to and fro.

A guest takes long to start here, so one serves all devices that differ only
in how fast they write, which is a knob of the device. PRE_COPY is not: QEMU
takes no device that has it for one that has not. While others have their
turn a guest is paused.
"""

from dataclasses import replace

import libvirt

from livelab.vfio import mdev, steer
from livelab.vfio.guest import MdevGuest, find
from livelab.vfio.lab import VfioLab
from livelab.vfio.machine import Machine
from livelab.vfio.measure import cells, device
from livelab.vfio.measure.cells import Cell, Turn
from livelab.vfio.measure.runs import Run
from nova_livemig_gpu.migration import preflight


class Moving:
    """One guest, wherever it is now."""

    def __init__(
        self, lab: VfioLab, name: str, cell: Cell, rate_mbit: int
    ) -> None:
        self.lab = lab
        self.rate_mbit = rate_mbit
        self.cell = cell
        self.guest = MdevGuest(name, cell.load, kind=device.KIND)
        self.source, self.target = lab.machines

    def start(self) -> None:
        """Start it with all of its framebuffer written, and pause it."""
        device.configure(self.source, replace(self.cell, dirty_mib_s=0))
        self.guest.start(self.source)
        assert self.guest.device is not None
        device.fill(self.source, self.guest.device)
        self.pause()

    def stop(self) -> None:
        """End it, wherever it is."""
        self.guest.destroy(*self.lab.machines)

    def pause(self) -> None:
        """Others have their turn."""
        self._domain().suspend()

    def resume(self) -> None:
        """It has its turn."""
        self._domain().resume()

    def check(self) -> None:
        """Wait until it has looked at all of its memory. LabError."""
        self.guest.check(self.source)

    def go(self, turn: Turn, *, empty: bool = False) -> Run:
        """Migrate it, look at what arrived, and turn round."""
        assert self.guest.device is not None
        budget, around = cells.settings(turn.policy, turn.cell, self.rate_mbit)
        verdict = preflight.judge(budget, around)
        if verdict.refuse:
            return _refused(turn, verdict.reason, self.rate_mbit)
        rate = 0 if empty else turn.cell.dirty_mib_s
        device.write_at(self.source, self.guest.device, rate)
        device.configure(self.target, replace(self.cell, dirty_mib_s=rate))
        found = steer.move(
            self.guest,
            self.source,
            self.target,
            cells.policy(budget, around),
            keep=True,
        )
        run = self._look(turn, found, empty)
        assert found.unused is not None
        mdev.remove(*found.unused)
        if found.error is None:
            self.source, self.target = self.target, self.source
        elif rate:
            device.write_at(self.source, self.guest.device, 0)
        return run

    def _look(self, turn: Turn, found: steer.Steered, empty: bool) -> Run:
        assert found.unused is not None
        arrived = found.error is None
        stats = found.stats or {}
        return Run(
            rate_mbit=self.rate_mbit,
            cell=turn.cell.name,
            policy=turn.policy,
            round=turn.round,
            empty=empty,
            ended="completed" if arrived else "given up",
            downtime_ms=stats.get("downtime") if arrived else None,
            total_ms=stats.get("time_elapsed"),
            passes=stats.get("memory_iteration"),
            precopy_bytes=self._sent(found.unused, "precopy", arrived),
            stop_bytes=self._sent(found.unused, "stop", arrived),
            verified=self._verified(found.unused) if arrived else None,
            limits=tuple(
                (str(each["code"]), each.get("value"))
                for each in found.record.decisions
            ),
            error=_why(found),
        )

    @staticmethod
    def _sent(
        left: tuple[Machine, str], when: str, arrived: bool
    ) -> int | None:
        """What the device at the source has counted."""
        if not arrived:
            return None
        return device.number(*left, f"saved_{when}_bytes")

    def _verified(self, left: tuple[Machine, str]) -> bool:
        """Every block at the target, and the sum over them all."""
        assert self.guest.device is not None
        here = self.target, self.guest.device
        verdict = device.read(*here, "verify")
        sums = (
            device.read(*left, "saved_sum"),
            device.read(*here, "loaded_sum"),
        )
        return verdict.startswith("ok") and sums[0] == sums[1]

    def _domain(self) -> libvirt.virDomain:
        return find(self.source, self.guest.name)


def _refused(turn: Turn, reason: str | None, rate_mbit: int) -> Run:
    return Run(
        rate_mbit=rate_mbit,
        cell=turn.cell.name,
        policy=turn.policy,
        round=turn.round,
        empty=False,
        ended="refused",
        downtime_ms=None,
        total_ms=None,
        passes=None,
        precopy_bytes=None,
        stop_bytes=None,
        verified=None,
        limits=(),
        error=reason,
    )


def _why(found: steer.Steered) -> str | None:
    """What the policy said when it gave up, else libvirt's word."""
    if found.error is None:
        return None
    for each in reversed(found.record.decisions):
        if each["action"] == "abort":
            return f"{each['code']}: {each['reason']}"
    return found.error
