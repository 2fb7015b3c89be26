# SPDX-License-Identifier: Apache-2.0
"""Real migrations, predicted before they start and remembered after.

Without OpenStack; what is under test is the driver's own: measurement by
libvirt, forecast, policy, loop, and what the history is given.
"""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import libvirt
import pytest
from livelab.hosts import Network
from livelab.libvirtd import Libvirtd
from livelab.plainguest import PlainGuest, Running
from livelab.predicting import journey

from nova_livemig_gpu.history.store import History
from nova_livemig_gpu.model import JobState, Outcome, Surroundings
from nova_livemig_gpu.virt import remember
from nova_livemig_gpu.virt.forecast import Forecaster
from nova_livemig_gpu.virt.foreseen import Asked, Foreseen
from tests import builders

LOAD = {"ws": 64, "rate": 12, "fill": 112, "sweep": 32}
MEMORY_MIB = 256
LINK_MBPS = 400
AROUND = Surroundings(overhead_ms=100)


@pytest.fixture(scope="module", autouse=True)
def events() -> Iterator[None]:
    with journey.Events():
        yield


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    found = History(tmp_path / "history.sqlite3")
    yield found
    found.close()


def foresee(
    history: History, source: Libvirtd, name: str, link_mbps: int | None
) -> tuple[Foreseen, Asked]:
    policy = journey.policy_for(500, 60, AROUND)
    connection = libvirt.open(source.socket_uri)
    domain = connection.lookupByName(name)
    asked = Asked(
        server=domain.UUIDString(),
        source="one",
        destination="two",
        memory_mb=MEMORY_MIB,
        running=0,
        limit_ms=policy.limit_max_ms,
        budget=replace(policy.budget, bandwidth_mbps=link_mbps),
        around=AROUND,
    )
    found = Forecaster(history, lambda server: ()).foresee(
        # each time, however much the last migration has shown
        builders.options(dirty_rate_seconds=8, dirty_rate_fresh_seconds=0),
        SimpleNamespace(_domain=domain),
        connection,
        asked,
    )
    connection.close()
    return found, asked


def remember_it(
    history: History, asked: Asked, foreseen: Foreseen, done: journey.Steered
) -> Outcome:
    outcome = Outcome(
        JobState.COMPLETED,
        total_ms=done.stats["time_elapsed"],
        downtime_ms=done.stats["downtime"],
    )
    head = {
        "migration": str(uuid.uuid4()),
        "server": asked.server,
        "source": asked.source,
        "destination": asked.destination,
        "memory_mb": asked.memory_mb,
        "overhead_ms": AROUND.overhead_ms,
        "running": 0,
    }
    assert history.add(
        remember.entry(head, outcome, foreseen, done.end, False, ())
    )
    return outcome


@pytest.mark.lab
def test_the_second_one_is_predicted_from_the_first(
    network: Network,
    libvirtds: tuple[Libvirtd, Libvirtd],
    history: History,
) -> None:
    here, there = libvirtds
    plain = PlainGuest(
        "foreseen", LOAD, memory_mib=MEMORY_MIB, state=network.state
    )
    for libvirtd in libvirtds:
        libvirtd.host.shape(LINK_MBPS)
    with Running(plain, here, there):
        plain.wait_for("^READY")
        for source, target, link in (
            (here, there, LINK_MBPS),
            (there, here, None),
        ):
            foreseen, asked = foresee(history, source, plain.name, link)
            assert foreseen.why is None
            assert {p.source for p in foreseen.seen} >= {"measured"}
            given = foreseen.prediction
            assert given is not None and given.converges
            done = journey.steer(
                source,
                target,
                plain.name,
                journey.policy_for(500, 60, foreseen.on(AROUND)),
            )
            assert done.errors == []
            outcome = remember_it(history, asked, foreseen, done)
        plain.wait_sweep()
    for libvirtd in libvirtds:
        libvirtd.host.shape(None)
    # the link is known from the first, and so are points of the curve
    assert {p.source for p in foreseen.seen} == {"measured", "history"}
    error = remember.error(foreseen, outcome)
    assert error is not None and error["completed"]
    # the machine may be busy; lab/predict says how good it is
    assert abs(error["total"]) < 0.5
