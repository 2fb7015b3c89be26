# SPDX-License-Identifier: Apache-2.0
"""The write loads: as shares of what the link carries.

See lab/guest/options.h. All guests have 256 MiB of memory, 176 of them
filled, as those of lab/predict; nearly all of the rest is not zero either.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from livelab.errors import LabError
from nova_livemig_gpu.planning import guestwrites as writes

MEMORY_MIB = 256
FILLED_MIB = 176
#: What else of such a guest is not zero; measured.
KERNEL_MIB = 65
#: Of the link's rate, what carries memory.
PAYLOAD = 0.95
#: Marks on the console, ms, and memory verified, MiB/s.
TICK_MS, SWEEP_MIB_S = 10, 48
#: More would leave too little of two processors to QEMU.
MOST_MIB_S = 110
#: A guest that is not held back can write about that much: one that wrote
#: 110 MiB/s was still writing half of it under a throttle of 90%.
FREE_MIB_S = 500
_BITS, _MEGA, _MIB = 8, 10**6, 2**20


@dataclass(frozen=True)
class Load:
    """One row of the matrix.

    :ivar share: of what the link carries, written each second
    :ivar set_mib: working set
    :ivar more: further words for the guest
    :ivar fresh: each migration needs a guest of its own, for the load
        changes with its age
    """

    name: str
    share: float
    set_mib: int
    more: Mapping[str, object] = field(default_factory=dict)
    fresh: bool = False

    def rate_mib_s(self, link_mbps: int) -> int:
        """What it is to write."""
        link = payload_bps(link_mbps) / _MIB
        return min(round(self.share * link), MOST_MIB_S)

    def cpu_share(self, link_mbps: int) -> float:
        """Share of its processor that it needs for that."""
        return max(self.rate_mib_s(link_mbps) / FREE_MIB_S, 0.01)

    def words(self, link_mbps: int) -> dict[str, object]:
        """The guest's kernel command line."""
        return {
            "ws": self.set_mib,
            "fill": FILLED_MIB - self.set_mib,
            "rate": self.rate_mib_s(link_mbps),
            "sweep": SWEEP_MIB_S,
            "tick": TICK_MS,
            **self.more,
        }

    def writer(self, link_mbps: int) -> writes.Writer:
        """The same for the simulator."""
        rate, size = self.rate_mib_s(link_mbps) * _MIB, self.set_mib * _MIB
        period_s = float(str(self.more.get("period", 5)))
        match self.more.get("pattern", "sweep"):
            case "random":
                return writes.Random(rate, size)
            case "zipf":
                return writes.Zipf(rate, size)
            case "burst":
                return writes.Burst(rate, size, period_s)
            case "grow":
                return writes.Grow(rate, size, period_s)
        if "share" not in self.more:
            return writes.Sweep(rate, size)
        part = int(str(self.more["share"])) / 100
        hot = int(str(self.more["hot"])) / 100
        return writes.Threads(
            (
                writes.Sweep(rate * hot, size * part),
                writes.Sweep(rate * (1 - hot), size * (1 - part)),
            )
        )


def payload_bps(link_mbps: float) -> float:
    """Memory that a link carries, bytes/s."""
    return link_mbps * _MEGA / _BITS * PAYLOAD


ALL = (
    Load("idle", 0.0, 16),
    Load("sweep 1/4", 0.25, 64),
    Load("sweep 1/2", 0.5, 96),
    Load("random 1/2", 0.5, 96, {"pattern": "random"}),
    Load("zipf 1", 1.0, 128, {"pattern": "zipf"}),
    Load("burst 2", 2.0, 64, {"pattern": "burst", "period": 2}),
    Load("grow 1", 1.0, 128, {"pattern": "grow", "period": 60}, fresh=True),
    Load("two sets 1", 1.0, 96, {"threads": 2, "share": 10, "hot": 85}),
    Load("saturated 3", 3.0, 96),
)
#: What fits into three hours.
FULL = tuple(
    load.name for load in ALL if load.name not in ("sweep 1/4", "random 1/2")
)
QUICK = ("idle", "sweep 1/2", "saturated 3")


def find(names: list[str]) -> list[Load]:
    """By name, in that order; raises LabError."""
    known = {each.name: each for each in ALL}
    for name in names:
        if name not in known:
            raise LabError(f"{name}: not one of {', '.join(known)}")
    return [known[name] for name in names]
