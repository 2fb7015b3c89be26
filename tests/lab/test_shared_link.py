# SPDX-License-Identifier: Apache-2.0
"""Two guests that leave a host at once, over one shaped link.

Everything of the driver below Nova's manager is real: plan, proxy, Nova's
Guest, job, loop, policy, pace, the books of the link, libvirt and QEMU. The
dirty curves are those that the guests are told to have.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import libvirt
import pytest
from livelab.hosts import Network
from livelab.libvirtd import Libvirtd
from livelab.plainguest import PlainGuest
from livelab.predicting import journey
from nova.virt.libvirt import guest as libvirt_guest

from nova_livemig_gpu.migration.loop import Clock, SteeringLoop
from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.migration.sharers import Lane, Sharers, Terms
from nova_livemig_gpu.model import (
    BandwidthLaw,
    CurvePoint,
    DirtyCurve,
    GuestMemory,
    JobState,
    Surroundings,
)
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.policies.sharing import capacity_bps
from nova_livemig_gpu.prediction import curve
from nova_livemig_gpu.virt import appetite
from nova_livemig_gpu.virt.foreseen import Foreseen
from nova_livemig_gpu.virt.job import NO_LIMIT_MIB_S
from tests import builders

LINK_MBPS = 100
MEMORY_MIB = 256
MIB = 2**20
SET_MIB = 40
PAGE = 4096
SHARED = Terms(capacity_bps(LINK_MBPS, 0), wait_s=300)


@dataclass
class Leaver:
    """A guest that leaves the host, by our loop, in a thread of its own.

    :ivar mib_s: that it writes
    :ivar sent_mib_s: mean of each pass
    """

    name: str
    mib_s: int
    timeout_s: float
    law: BandwidthLaw = BandwidthLaw.FULL
    ended: JobState | None = None
    waited_s: float = 0.0
    total_s: float = 0.0
    codes: list[str] = field(default_factory=list)
    rates: list[int] = field(default_factory=list)
    sent_mib_s: list[float] = field(default_factory=list)
    error: Exception | None = None
    speed_mib_s: int | None = None

    def plain(self, network: Network) -> PlainGuest:
        load = {"ws": SET_MIB, "rate": self.mib_s, "fill": 16, "sweep": 16}
        return PlainGuest(
            self.name, load, memory_mib=MEMORY_MIB, state=network.state
        )

    @property
    def foreseen(self) -> Foreseen:
        pages = MEMORY_MIB * MIB / PAGE
        return Foreseen(
            memory=GuestMemory(pages / 2, pages / 2), curve=self._curve
        )

    @property
    def _curve(self) -> DirtyCurve:
        return curve.make(
            (
                CurvePoint(s, min(self.mib_s * s, SET_MIB) * MIB)
                for s in (0.25 * 2**n for n in range(9))
            ),
            float(MEMORY_MIB * MIB),
        )

    def leave(
        self,
        source: Libvirtd,
        target: Libvirtd,
        sharers: Sharers,
        terms: Terms,
    ) -> None:
        try:
            with sharers.lane(self.name) as lane:
                self._leave(source, target, lane, terms)
        except Exception as exc:
            self.error = exc

    def _leave(
        self, source: Libvirtd, target: Libvirtd, lane: Lane, terms: Terms
    ) -> None:
        around = self.foreseen.on(Surroundings(overhead_ms=100))
        budget = builders.budget(
            timeout_s=self.timeout_s, bandwidth_law=self.law
        )
        policy = AdaptivePolicy(budget, around)
        demand = appetite.demand(policy, self.foreseen, terms, None)
        self.waited_s = lane.enter(demand, terms, lambda each: None)
        began_s = time.monotonic()
        connection = libvirt.open(source.socket_uri)
        guest = libvirt_guest.Guest(connection.lookupByName(self.name))
        record = Record(None, {})
        plan = policy.plan()
        started = journey.start(plan, guest, target.uri)
        end = SteeringLoop(
            started.job,
            policy,
            plan,
            record,
            Clock(),
            0.25,
            guest.uuid,
            pace=appetite.pace(policy, self.foreseen, lane),
        ).run()
        started.thread.join(30)
        self.total_s = time.monotonic() - began_s
        assert end.sample is not None
        self.ended = end.sample.state
        if self.ended is not JobState.COMPLETED:
            started.job.leave_speed()
            self.speed_mib_s = guest._domain.migrateGetMaxSpeed()
        self.codes = [each["code"] for each in record.decisions]
        self.rates = [
            each["value"]
            for each in record.decisions
            if each["action"] == "set_bandwidth"
        ]
        self.sent_mib_s = [
            each.sent_bytes / each.duration_s / MIB
            for each in end.passes
            if each.duration_s > 1
        ]
        connection.close()


@pytest.fixture
def link(
    network: Network, libvirtds: tuple[Libvirtd, Libvirtd]
) -> Iterator[tuple[Libvirtd, Libvirtd]]:
    for libvirtd in libvirtds:
        libvirtd.host.shape(LINK_MBPS)
    yield libvirtds
    for libvirtd in libvirtds:
        libvirtd.host.shape(None)


def together(
    network: Network,
    link: tuple[Libvirtd, Libvirtd],
    terms: Terms,
    *leavers: Leaver,
) -> None:
    """Let them leave, two seconds apart."""
    sharers, threads = Sharers(), []
    guests = [each.plain(network) for each in leavers]
    for plain in guests:
        plain.start(link[0])
    try:
        for plain in guests:
            plain.wait_for("^READY", 120)
        for each in leavers:
            thread = threading.Thread(
                target=each.leave, args=(*link, sharers, terms)
            )
            thread.start()
            threads.append(thread)
            thread.join(2)
        for thread in threads:
            thread.join(300)
        for plain in guests:
            plain.check()
    finally:
        for plain in guests:
            plain.destroy(*link)
    for each in leavers:
        print(each)
        assert each.error is None


@pytest.mark.lab
def test_the_second_waits_and_both_end(
    network: Network, link: tuple[Libvirtd, Libvirtd]
) -> None:
    """Each writes three fifths of what the link carries."""
    first, second = Leaver("share-a", 7, 90), Leaver("share-b", 7, 90)
    together(network, link, SHARED, first, second)
    assert first.ended is second.ended is JobState.COMPLETED
    assert first.waited_s == 0
    assert second.waited_s > first.total_s - 5


@pytest.mark.lab
def test_a_share_is_kept_and_leaves_nothing_behind(
    network: Network, link: tuple[Libvirtd, Libvirtd]
) -> None:
    """The first needs most of the link; the second, which would not end even
    alone, has the rest, and is given up."""
    first, second = Leaver("share-c", 6, 90), Leaver("share-d", 60, 30)
    together(network, link, SHARED, first, second)
    assert (first.waited_s, second.waited_s) == (0, 0)
    assert first.ended is JobState.COMPLETED
    # failed: the job was gone before it was looked at, as with Nova's monitor
    assert second.ended in (JobState.CANCELLED, JobState.FAILED)
    assert second.codes[-1] == "deadline"
    assert second.rates and 1 <= second.rates[0] <= 6
    assert second.speed_mib_s == NO_LIMIT_MIB_S


@pytest.mark.lab
def test_a_reserve_and_a_rate_that_follows_the_guest(
    network: Network, link: tuple[Libvirtd, Libvirtd]
) -> None:
    """30% are tenants': 7 MiB/s are left. 50 Mbit/s at first, and no more
    than 50 Mbit/s above what the guest writes later."""
    terms = Terms(capacity_bps(LINK_MBPS, 30), reserved=True, wait_s=300)
    only = Leaver("share-e", 1, 180, BandwidthLaw.DYNAMIC)
    together(network, link, terms, only)
    assert only.ended is JobState.COMPLETED
    assert only.rates[0] == 5
    assert 5 <= max(only.rates) <= 7
    assert only.sent_mib_s and max(only.sent_mib_s) < 7.5
