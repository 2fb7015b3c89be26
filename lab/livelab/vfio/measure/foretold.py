# SPDX-License-Identifier: Apache-2.0
"""What the stun's model would have said, had it seen the runs before.

The runs are replayed in their order through ``prediction.stun``. Devices
with PRE_COPY, those that write, and those without are different GPUs to it:
nobody tells it how much of a framebuffer is sent before the stop. What it
learns of a run is its pause less the empty device's; what it is asked is the
pause of the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from livelab.vfio.measure import cells, report
from livelab.vfio.measure.runs import Run
from nova_livemig_gpu.prediction import stun
from nova_livemig_gpu.prediction.stun import StunKey, StunSeen, VgpuUse

#: So many of a kind are seen before one counts.
LEAST = 5


@dataclass(frozen=True)
class Foretold:
    """One run of ours: its device's stun, told before it and measured."""

    cell: str
    seen: int
    told_ms: float
    real_ms: float

    @property
    def error(self) -> float:
        """Of what was measured, signed."""
        return self.told_ms / self.real_ms - 1


def replay(runs: Sequence[Run]) -> list[Foretold]:
    """Every run of ours whose device is in its pause, oldest first."""
    floor = report.floor_ms(runs) or 0.0
    known = {cell.name: cell for cell in cells.CELLS}
    seen: dict[str, list[StunSeen]] = {}
    found = []
    for run in runs:
        cell = known.get(run.cell)
        if run.empty or run.policy != cells.OURS or cell is None:
            continue
        if run.downtime_ms is None or cell.precopy:
            continue
        size = cell.fb_mib * 2**20
        key = StunKey("testvgpu", "no PRE_COPY", "1", run.rate_mbit)
        past = seen.setdefault(key.gpu, [])
        told = stun.stun([VgpuUse(key, size, "type")], past)
        real_ms = max(run.downtime_ms - floor, 1.0)
        if told is not None:
            found.append(Foretold(run.cell, len(past), told.p50_ms, real_ms))
        past.append(StunSeen(key, size, real_ms / 1e3))
    return found
