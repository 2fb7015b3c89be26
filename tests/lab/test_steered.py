# SPDX-License-Identifier: Apache-2.0
"""Our own loop on real migrations under load: pre-copy and post-copy.

Everything of the driver below Nova's manager is real: plan, proxy, Nova's
Guest, job, loop, policy, libvirt and QEMU.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import libvirt
import pytest
from livelab.hosts import Network
from livelab.libvirtd import Libvirtd
from livelab.plainguest import PlainGuest, Running
from livelab.predicting import journey
from nova.virt.libvirt import guest as libvirt_guest

from nova_livemig_gpu.migration.loop import Clock, SteeringLoop
from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.model import (
    Budget,
    Goal,
    JobState,
    OnTimeout,
    Surroundings,
)
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.virt.completed import CompletedStats

BUDGET_MS = 300
# Half of what the link carries: post-copy pays, and pre-copy still ends.
LOAD = {"ws": 64, "rate": 24, "fill": 16, "sweep": 64}


@pytest.fixture(scope="module", autouse=True)
def events() -> Iterator[None]:
    with journey.Events():
        yield


@dataclass
class Steered:
    """A migration by our loop."""

    end: Progress
    record: Record
    status: str
    stats: dict[str, Any] | None
    error: list[Exception] = field(default_factory=list)

    def codes(self) -> list[str]:
        return [each["code"] for each in self.record.decisions]


def steer(
    source: Libvirtd, target: Libvirtd, name: str, postcopy: bool
) -> Steered:
    policy = AdaptivePolicy(
        Budget(
            policy="adaptive",
            max_downtime_ms=BUDGET_MS,
            timeout_s=120,
            on_timeout=OnTimeout.ABORT,
            postcopy=postcopy,
            auto_converge=False,
            bandwidth_mbps=None,
            goal=Goal.FAST,
        ),
        Surroundings(overhead_ms=100),
    )
    connection = libvirt.open(source.socket_uri)
    guest = libvirt_guest.Guest(connection.lookupByName(name))
    completed = CompletedStats(connection, guest.uuid)
    completed.listen()
    found = _run(policy, guest, target)
    found.stats = journey.final_stats(completed)
    completed.close()
    connection.close()
    return found


def _run(policy: AdaptivePolicy, guest: Any, target: Libvirtd) -> Steered:
    plan = policy.plan()
    started = journey.start(plan, guest, target.uri)
    record = Record(None, {})
    end = SteeringLoop(
        started.job, policy, plan, record, Clock(), 0.25, guest.uuid
    ).run()
    started.thread.join(30)
    return Steered(end, record, started.migration.status, None, started.errors)


@pytest.mark.lab
@pytest.mark.parametrize("postcopy", [False, True])
def test_a_loaded_guest_arrives_with_every_byte(
    network: Network,
    libvirtds: tuple[Libvirtd, Libvirtd],
    postcopy: bool,
) -> None:
    source, target = libvirtds
    name = f"steered{int(postcopy)}"
    plain = PlainGuest(name, LOAD, memory_mib=256, state=network.state)
    for libvirtd in libvirtds:
        libvirtd.host.shape(400)
    with Running(plain, source, target):
        plain.wait_for("^READY")
        plain.wait_sweep()
        found = steer(source, target, name, postcopy)
        plain.wait_sweep()
    for libvirtd in libvirtds:
        libvirtd.host.shape(None)
    assert found.error == []
    assert found.end.sample is not None
    assert found.end.sample.state is JobState.COMPLETED
    assert found.codes()[0] == "first_limit"
    assert len(found.end.passes) >= 1
    assert found.stats is not None
    assert found.stats["memory_processed"] > 64 * 2**20
    if postcopy:
        (code,) = found.codes()[1:]
        assert code in ("postcopy_is_faster", "floor_above_budget")
        assert found.status == "running (post-copy)"
        assert found.end.postcopy
    else:
        # Held back while passes run, raised when one has ended, never above
        # the budget less what switching over costs.
        assert set(found.codes()[1:]) <= {"held", "opened", "floor_reached"}
        assert not found.end.postcopy
        assert found.end.limit_ms is not None
        assert 30 <= found.end.limit_ms <= 200
