"""What is asked of a forecast, and what it says."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from nova_livemig_gpu.history.entry import PLAIN, Settings
from nova_livemig_gpu.history.transports import Link, Route
from nova_livemig_gpu.model import (
    Budget,
    DirtyCurve,
    GuestMemory,
    Prediction,
    Stun,
    Surroundings,
)
from nova_livemig_gpu.prediction import stun as stuns
from nova_livemig_gpu.prediction.merge import Observed


@dataclass(frozen=True)
class Foreseen:
    """What is known before the start.

    :ivar seen: points of the dirty curve, measured and remembered
    :ivar measured_s: how long measuring them took
    :ivar cpu_share: how busy it was meanwhile (``virt.vcpus``); None:
        unknown
    :ivar throttle_percent: see ``Surroundings``
    :ivar why: why there is no prediction; None: there is one
    :ivar resident_bytes: QEMU's resident memory
    :ivar rests_on: what it rests on, in sentences
    """

    prediction: Prediction | None = None
    stun: Stun | None = None
    curve: DirtyCurve | None = None
    memory: GuestMemory | None = None
    vgpus: tuple[stuns.VgpuUse, ...] = ()
    seen: tuple[Observed, ...] = ()
    measured_s: float = 0.0
    cpu_share: float | None = None
    throttle_percent: int | None = None
    why: str | None = None
    resident_bytes: float | None = None
    rests_on: tuple[str, ...] = ()

    def on(self, around: Surroundings) -> Surroundings:
        """Return the surroundings with it."""
        return replace(
            around,
            forecast=self.prediction,
            stun=self.stun,
            curve=self.curve,
            throttle_percent=self.throttle_percent,
        )

    def facts(self) -> dict[str, Any]:
        """Return what the record says of it, as JSON values."""
        given = None
        if self.prediction is not None:
            mode = self.prediction.mode.value
            given = {**asdict(self.prediction), "mode": mode}
        return {
            "forecast": given,
            "no_forecast": self.why,
            "forecast_rests_on": list(self.rests_on),
            "stun": self.stun and asdict(self.stun),
            "dirty_curve": [
                [p.period_s, round(p.dirty_bytes), p.source, round(p.age_s)]
                for p in self.seen
            ],
            "dirty_rate_s": round(self.measured_s, 1),
            "cpu_share": self.cpu_share and round(self.cpu_share, 3),
            "throttle_needed": self.throttle_percent,
        }


@dataclass(frozen=True)
class Asked:
    """The migration that is to be predicted.

    :ivar memory_mb: of the server
    :ivar running: migrations that leave this host already
    :ivar limit_ms: downtime limit that its policy will set at most
    :ivar disk_bytes: that block migration copies; None: unknown
    :ivar settings: what speeds it up or down
    :ivar link: between the two hosts; None: unknown
    """

    server: str
    source: str
    destination: str
    memory_mb: int
    running: int
    limit_ms: float
    budget: Budget
    around: Surroundings
    disk_bytes: float | None = 0.0
    settings: Settings = PLAIN
    link: Link | None = None

    @property
    def link_mbps(self) -> int | None:
        """Speed of the link in whole Mbit/s; None: unknown."""
        return None if self.link is None else round(self.link.mbps)

    @property
    def route(self) -> Route:
        """The way it takes."""
        return Route(
            self.source,
            self.destination,
            self.server,
            self.around.overhead_ms,
            settings=self.settings,
            running=self.running,
            most_mbps=self.budget.bandwidth_mbps,
            link=self.link,
        )
