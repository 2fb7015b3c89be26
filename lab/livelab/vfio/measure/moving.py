# SPDX-License-Identifier: Apache-2.0
"""Guests with a test vGPU, moved to and fro."""

from livelab.vfio import mdev, steer
from livelab.vfio.guest import MdevGuest
from livelab.vfio.lab import VfioLab
from livelab.vfio.machine import Machine
from livelab.vfio.measure import cells, device
from livelab.vfio.measure.cells import Cell, Turn
from livelab.vfio.measure.runs import Run


class Moving:
    """One guest, wherever it is now."""

    def __init__(self, lab: VfioLab, name: str, cell: Cell) -> None:
        self.lab = lab
        self.cell = cell
        self.guest = MdevGuest(name, cells.LOAD, kind=device.KIND)
        self.source, self.target = lab.machines

    def start(self) -> None:
        """Start it, with all of its framebuffer written."""
        self._configure()
        self.guest.start(self.source)
        assert self.guest.device is not None
        device.fill(self.source, self.guest.device)

    def stop(self) -> None:
        """End it, wherever it is."""
        self.guest.destroy(*self.lab.machines)

    def go(self, turn: Turn, *, empty: bool = False) -> Run:
        """Migrate it, look at what arrived, and turn round."""
        self._configure()
        policy = cells.policy(turn.policy, self.cell)
        found = steer.move(
            self.guest, self.source, self.target, policy, keep=True
        )
        assert found.unused is not None
        arrived = found.error is None
        stats = found.stats or {}
        run = Run(
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
            error=found.error,
        )
        mdev.remove(*found.unused)
        if arrived:
            self.source, self.target = self.target, self.source
        self.guest.check(self.source)
        return run

    def _configure(self) -> None:
        for machine in self.lab.machines:
            device.configure(machine, self.cell)

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
