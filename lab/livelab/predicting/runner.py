# SPDX-License-Identifier: Apache-2.0
"""Measures, predicts, migrates, verifies: cell by cell."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import libvirt

from livelab.errors import LabError
from livelab.hosts import Network
from livelab.libvirtd import Libvirtd
from livelab.plainguest import PlainGuest
from livelab.predicting import experience, foretell, journey
from livelab.predicting.loads import LOADS, MEMORY_MIB, Cell
from livelab.predicting.results import Results
from nova_livemig_gpu.model import Surroundings
from nova_livemig_gpu.virt import dirtyrate

#: Reads only, so that verifying costs time and no dirty page.
SWEEP_MIB_S = 48
#: The policy's own default, see the option switchover_overhead_ms.
OVERHEAD_MS = 100
SETTLE_S = 3.0
#: Given up after so many times the predicted total; where no end is
#: predicted, after a minute, which is 40 passes and more.
PATIENCE = 3.0
LEAST_S, NEVER_S = 30.0, 60.0
Say = Callable[[str], None]


class Guest:
    """The guest of a load, wherever it is now."""

    def __init__(
        self, load: str, hosts: Sequence[Libvirtd], network: Network
    ) -> None:
        words = {**LOADS[load], "sweep": SWEEP_MIB_S}
        name = "foretold-" + load.replace(" ", "-")
        self.load = load
        self.plain = PlainGuest(
            name, words, memory_mib=MEMORY_MIB, state=network.state
        )
        self.source, self.target = hosts
        self.tag = f"{load}@{time.time():.0f}"
        self.plain.destroy(*hosts)
        self.plain.start(self.source)
        self.plain.wait_for("^READY")
        time.sleep(SETTLE_S)

    def moved(self) -> None:
        """It is on the other host now."""
        self.source, self.target = self.target, self.source

    def end(self) -> None:
        """Gone without a trace."""
        self.plain.destroy(self.source, self.target)


class Runner:
    """Runs cells with one guest at a time."""

    def __init__(
        self,
        network: Network,
        hosts: Sequence[Libvirtd],
        results: Results,
        gauge: str,
        seconds: float,
    ) -> None:
        """:param gauge: "libvirt" or "monitor", how the curve is measured

        :param seconds: that measuring it may take
        """
        self._network = network
        self._hosts = hosts
        self._results = results
        self._gauge = gauge
        self._seconds = seconds
        self._guest: Guest | None = None

    def close(self) -> None:
        """End the guest, free the links."""
        if self._guest is not None:
            self._guest.end()
            self._guest = None
        self._shape(None)

    def run(self, cell: Cell, say: Say) -> dict[str, Any]:
        """One cell, kept when this returns; raises LabError."""
        guest = self._ready(cell, say)
        self._shape(cell.link_mbps)
        say("measuring the dirty curve")
        known = experience.learn(self._results.all, cell.link_mbps, guest.tag)
        before = self._measure(guest, cell, known)
        policy = journey.policy_for(
            cell.budget_ms, 0, Surroundings(overhead_ms=OVERHEAD_MS)
        )
        limit_ms = policy.limit_max_ms
        predicted = foretell.predict(before, known, cell.link_mbps, limit_ms)
        timeout_s = _patience_s(predicted["ours"])
        say(_words(predicted["ours"]))
        did = journey.travel(
            guest.source,
            guest.target,
            guest.plain.name,
            journey.policy_for(
                cell.budget_ms,
                timeout_s,
                Surroundings(overhead_ms=OVERHEAD_MS),
            ),
        )
        if did.completed:
            guest.moved()
        say("verifying its memory")
        guest.plain.wait_sweep()
        result = {
            "key": cell.key,
            **asdict(cell),
            "guest": guest.tag,
            "at": round(time.time(), 1),
            "gauge": self._gauge,
            "before": before,
            "known": asdict(known),
            "limit_ms": limit_ms,
            "timeout_s": timeout_s,
            "predicted": predicted,
            "did": asdict(did),
            "verified": True,
        }
        self._results.add(result)
        return result

    def _ready(self, cell: Cell, say: Say) -> Guest:
        if self._guest is not None and self._guest.load == cell.load:
            return self._guest
        self.close()
        say("starting the guest")
        self._guest = Guest(cell.load, self._hosts, self._network)
        return self._guest

    def _shape(self, mbps: int | None) -> None:
        for libvirtd in self._hosts:
            libvirtd.host.shape(mbps)

    def _measure(
        self, guest: Guest, cell: Cell, known: experience.Experience
    ) -> dict[str, Any]:
        connection = libvirt.open(guest.source.socket_uri)
        try:
            domain = connection.lookupByName(guest.plain.name)
            total = domain.maxMemory() * 1024
            rss_kib = domain.memoryStats().get("rss")
            rss = rss_kib * 1024 if rss_kib else None
            gauge: dirtyrate.Gauge = (
                dirtyrate.MonitorGauge(domain)
                if self._gauge == "monitor"
                else dirtyrate.LibvirtGauge(domain, connection)
            )
            begin = time.monotonic()
            points = dirtyrate.measure(
                domain,
                gauge,
                self._seconds,
                total,
                foretell.first_pass_s(total, rss, cell.link_mbps, known),
            )
            spent_s = time.monotonic() - begin
        except libvirt.libvirtError as exc:
            raise LabError(f"{guest.plain.name}: {exc}") from exc
        finally:
            connection.close()
        return {
            "total_bytes": total,
            "rss_bytes": rss,
            "observed": [asdict(point) for point in points],
            "measured_s": round(spent_s, 2),
        }


def _patience_s(predicted: dict[str, Any]) -> float:
    if not predicted["converges"]:
        return NEVER_S
    return max(PATIENCE * predicted["total_s"], LEAST_S)


def _words(predicted: dict[str, Any]) -> str:
    if not predicted["converges"]:
        return "migrating; predicted: no end"
    return (
        f"migrating; predicted: {predicted['total_s']:.1f} s, "
        f"{predicted['downtime_ms']:.0f} ms down"
    )
