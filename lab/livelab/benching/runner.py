# SPDX-License-Identifier: Apache-2.0
"""Runs cells: one real migration each, watched from outside, verified."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import libvirt

from livelab.benching import contestants, foresight
from livelab.benching.cells import Cell
from livelab.benching.foresight import Foresight
from livelab.benching.loads import MEMORY_MIB, Load
from livelab.benching.ticks import Ticks, Watched
from livelab.errors import LabError
from livelab.hosts import Network
from livelab.libvirtd import Libvirtd
from livelab.plainguest import PlainGuest
from livelab.predicting import journey
from livelab.predicting.results import Results
from nova_livemig_gpu.model import JobState
from nova_livemig_gpu.policies.base import Policy
from nova_livemig_gpu.virt.foreseen import Foreseen

#: Watched after a migration's end, and let run before the first one.
AFTER_S, SETTLE_S = 1.5, 4.0
WARM_UP, WARM_UP_MBPS = Load("warm up", 0.0, 8), 400
Say = Callable[[str], None]
Row = dict[str, Any]


class Guest:
    """The guest of a load and a link, wherever it is now."""

    def __init__(
        self,
        load: Load,
        link_mbps: int,
        hosts: Sequence[Libvirtd],
        network: Network,
    ) -> None:
        self.load, self.link_mbps = load, link_mbps
        name = "bench-" + "".join(c if c.isalnum() else "-" for c in load.name)
        self.plain = PlainGuest(
            name,
            load.words(link_mbps),
            memory_mib=MEMORY_MIB,
            state=network.state,
        )
        self.source, self.target = hosts
        self.plain.destroy(*hosts)
        self.plain.start(self.source)
        self.plain.wait_for("^READY")
        self.uuid = self._uuid()
        self.ticks = Ticks(self.plain.console)
        self.ticks.start()
        time.sleep(SETTLE_S)

    def moved(self) -> None:
        """It is on the other host now."""
        self.source, self.target = self.target, self.source

    def revive(self) -> None:
        """Let it run where it stayed, paused or not; raises LabError."""
        connection = libvirt.open(self.source.socket_uri)
        try:
            domain = connection.lookupByName(self.plain.name)
            if domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
                domain.resume()
        except libvirt.libvirtError as exc:
            raise LabError(f"{self.plain.name} is lost: {exc}") from exc
        finally:
            connection.close()

    def _uuid(self) -> str:
        connection = libvirt.open(self.source.socket_uri)
        try:
            found: str = connection.lookupByName(self.plain.name).UUIDString()
            return found
        finally:
            connection.close()

    def end(self) -> None:
        """Gone without a trace."""
        self.ticks.stop()
        self.plain.destroy(self.source, self.target)


class Runner:
    """Runs cells with one guest at a time."""

    def __init__(
        self,
        network: Network,
        hosts: Sequence[Libvirtd],
        results: Results,
        cut_s: float,
    ) -> None:
        """:param cut_s: a migration that runs longer is aborted"""
        self._network = network
        self._hosts = hosts
        self.results = results
        self._cut_s = cut_s
        self._foresight = Foresight(results.path.parent / "history.sqlite")
        self._guest: Guest | None = None

    def warm_up(self, say: Say) -> None:
        """Migrate there and back: the first time a libvirtd starts a guest
        takes seconds longer than any other time."""
        guest = Guest(WARM_UP, WARM_UP_MBPS, self._hosts, self._network)
        contestant = contestants.find(["nova-vgpu-guide"])[0]
        try:
            for _ in self._hosts:
                say("warming up")
                policy = contestant.make(500, self._cut_s)
                seen = journey.steer(
                    guest.source, guest.target, guest.plain.name, policy
                )
                if not completed(seen):
                    raise LabError(f"no migration here: {seen.errors}")
                guest.moved()
        finally:
            guest.end()

    def close(self) -> None:
        """End the guest, free the links."""
        self._drop()
        self._shape(None)

    def run(self, cell: Cell, say: Say) -> Row:
        """One cell, kept when this returns; raises LabError."""
        begun_s = time.monotonic()
        guest = self._ready(cell, say)
        self._shape(cell.link_mbps)
        try:
            row = self._migrate(cell, guest, say)
        except LabError:
            self._drop()
            raise
        row["whole_s"] = round(time.monotonic() - begun_s, 2)
        self.results.add(row)
        if not row["memory_ok"] or cell.load.fresh:
            self._drop()
        return row

    def _migrate(self, cell: Cell, guest: Guest, say: Say) -> Row:
        policy, foreseen = self._policy(cell, guest, say)
        say("migrating")
        begin_s = time.monotonic()
        seen = journey.steer(
            guest.source, guest.target, guest.plain.name, policy
        )
        end_s = time.monotonic()
        self._foresight.learn(
            cell, guest.uuid, seen, foresight.outcome(seen), foreseen
        )
        if completed(seen):
            guest.moved()
        else:
            guest.revive()
        say("verifying its memory")
        memory_ok = _right(guest)
        time.sleep(max(end_s + AFTER_S - time.monotonic(), 0.0))
        watched = guest.ticks.between(begin_s, end_s + AFTER_S)
        return row(cell, seen, watched, memory_ok, foreseen)

    def _policy(
        self, cell: Cell, guest: Guest, say: Say
    ) -> tuple[Policy, Foreseen]:
        """The policy; ours with what nova-compute would know.

        A fresh guest is as old for a baseline as for ours, when it starts.
        """
        policy = cell.contestant.make(cell.budget_ms or 500, self._cut_s)
        if not cell.contestant.ours:
            if cell.load.fresh:
                say("waiting as long as a look at its dirty rate takes")
                time.sleep(foresight.LOOK_S)
            return policy, Foreseen(why="a baseline does not look ahead")
        say("measuring its dirty rate")
        foreseen = self._foresight.look(
            cell, guest.source, guest.plain.name, policy
        )
        around = foreseen.on(policy.around)
        return type(policy)(policy.budget, around), foreseen

    def _ready(self, cell: Cell, say: Say) -> Guest:
        same = self._guest is not None and (
            self._guest.load,
            self._guest.link_mbps,
        ) == (cell.load, cell.link_mbps)
        if not same:
            self._drop()
            self._shape(None)
            say("starting the guest")
            self._guest = Guest(
                cell.load, cell.link_mbps, self._hosts, self._network
            )
        assert self._guest is not None
        return self._guest

    def _drop(self) -> None:
        if self._guest is not None:
            with suppress(libvirt.libvirtError):
                self._guest.end()
            self._guest = None

    def _shape(self, mbps: int | None) -> None:
        for libvirtd in self._hosts:
            libvirtd.host.shape(mbps)


def completed(seen: journey.Steered) -> bool:
    """The guest runs at the destination."""
    assert seen.end.sample is not None
    return seen.end.sample.state is JobState.COMPLETED and not seen.errors


def _right(guest: Guest) -> bool:
    try:
        guest.plain.wait_sweep()
    except LabError:
        return False
    return True


def row(
    cell: Cell,
    seen: journey.Steered,
    watched: Watched,
    memory_ok: bool,
    foreseen: Foreseen,
) -> Row:
    """What is kept of a migration."""
    decisions = seen.record.decisions
    codes = [each["code"] for each in decisions]
    throttles = seen.record.as_dict()["samples"]["throttle_percent"]
    did = asdict(journey.journey(seen))
    return {
        "key": cell.key,
        "place": cell.place,
        "load": cell.load.name,
        "link_mbps": cell.link_mbps,
        "contestant": cell.contestant.name,
        "budget_ms": cell.budget_ms,
        "repeat": cell.repeat,
        "rate_mib_s": cell.load.rate_mib_s(cell.link_mbps),
        "at": round(time.time(), 1),
        "busy": round(os.getloadavg()[0], 2),
        "outcome": _outcome(did["completed"], codes),
        "postcopy": seen.end.postcopy,
        "paused": seen.end.forced,
        "throttle_percent": max((x or 0 for x in throttles), default=0),
        "codes": codes,
        "decisions": [
            (each["t_s"], each["action"], each["value"]) for each in decisions
        ],
        **asdict(watched),
        "memory_ok": memory_ok,
        "foreseen": foreseen.facts(),
        "did": did,
    }


def _outcome(done: bool, codes: Sequence[str]) -> str:
    """ "cut": our limit of time; "given up": the policy's own end."""
    if done:
        return "completed"
    return "cut" if codes[-1:] == ["deadline"] else "given up"
