# SPDX-License-Identifier: Apache-2.0
"""Measures, predicts, migrates, verifies: cell by cell."""

import os
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
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.virt import dirtyrate, gauges

#: Reads only, so that verifying costs time and no dirty page.
SWEEP_MIB_S = 48
#: The policy's own default, see the option switchover_overhead_ms.
OVERHEAD_MS = 100
SETTLE_S = 3.0
SWEEP_S = 120.0
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
        self._after = 0
        time.sleep(SETTLE_S)

    def moved(self) -> None:
        """It is on the other host now."""
        self.source, self.target = self.target, self.source

    def mark(self) -> None:
        """What is verified from now on counts."""
        self._after = len(self.plain.console_lines())

    def wait_verified(self) -> None:
        """By a sweep that began after the mark; raises LabError."""
        begun = self.plain.wait_for(r"SWEEP (\d+) begin", SWEEP_S, self._after)
        self.plain.wait_for(
            rf"SWEEP {begun[1]} (ok|BAD)", SWEEP_S, self._after
        )
        self.plain.check()

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
        self._unverified: dict[str, Any] | None = None

    def close(self) -> None:
        """End the guest, free the links; what is not verified is lost."""
        if self._guest is not None:
            self._guest.end()
            self._guest = None
        self._unverified = None
        self._shape(None)

    def settle(self) -> None:
        """Keep the last result, once its guest's memory is verified: by a
        sweep that began after the migration; raises LabError."""
        if self._unverified is None or self._guest is None:
            return
        self._guest.wait_verified()
        self._results.add({**self._unverified, "verified": True})
        self._unverified = None

    def run(self, cell: Cell, say: Say) -> dict[str, Any]:
        """One cell; it is kept when the next one begins, or by ``settle``:
        its memory is verified while the next one is measured, which only
        reads it. Raises LabError."""
        guest = self._ready(cell, say)
        self._shape(cell.link_mbps)
        say("measuring the dirty curve")
        before = self._measure(guest, cell)
        say("verifying the memory")
        self.settle()
        known = self._known(guest, cell)
        limit_ms = _policy(cell, 0).limit_max_ms
        way = foretell.transport(cell.link_mbps, known)
        predicted = foretell.predict(before, known, way, limit_ms)
        timeout_s = _patience_s(predicted["ours"])
        say(_words(predicted["ours"]))
        busy = os.getloadavg()[0]
        did = journey.travel(
            guest.source,
            guest.target,
            guest.plain.name,
            _policy(cell, timeout_s),
        )
        if did.completed:
            guest.moved()
        guest.mark()
        self._unverified = {
            "key": cell.key,
            **asdict(cell),
            "guest": guest.tag,
            "at": round(time.time(), 1),
            "busy": [busy, os.getloadavg()[0]],
            "gauge": self._gauge,
            "before": before,
            "known": asdict(known),
            "transport": asdict(way),
            "limit_ms": limit_ms,
            "timeout_s": timeout_s,
            "predicted": predicted,
            "did": asdict(did),
        }
        return self._unverified

    def _known(self, guest: Guest, cell: Cell) -> experience.Experience:
        return experience.learn(self._results.all, cell.link_mbps, guest.tag)

    def _ready(self, cell: Cell, say: Say) -> Guest:
        if self._guest is not None and self._guest.load == cell.load:
            return self._guest
        say("verifying the memory")
        self.settle()
        self.close()
        say("starting the guest")
        self._guest = Guest(cell.load, self._hosts, self._network)
        return self._guest

    def _shape(self, mbps: int | None) -> None:
        for libvirtd in self._hosts:
            libvirtd.host.shape(mbps)

    def _measure(self, guest: Guest, cell: Cell) -> dict[str, Any]:
        known = self._known(guest, cell)
        connection = libvirt.open(guest.source.socket_uri)
        try:
            domain = connection.lookupByName(guest.plain.name)
            total = domain.maxMemory() * 1024
            rss_kib = domain.memoryStats().get("rss")
            rss = rss_kib * 1024 if rss_kib else None
            gauge: gauges.Gauge = (
                gauges.MonitorGauge(domain)
                if self._gauge == "monitor"
                else gauges.LibvirtGauge(domain, connection)
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


def _policy(cell: Cell, timeout_s: float) -> AdaptivePolicy:
    return journey.policy_for(
        cell.budget_ms, timeout_s, Surroundings(overhead_ms=OVERHEAD_MS)
    )


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
