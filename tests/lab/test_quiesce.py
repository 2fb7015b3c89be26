# SPDX-License-Identifier: Apache-2.0
"""The hook quiesce with QEMU's own guest agent in a guest that migrates.

The guest writes to a file system ten times a second and says so, unless the
file system is frozen.
"""

import json
import time
from collections.abc import Iterator

import libvirt
import pytest
from livelab.agentguest import AgentGuest
from livelab.hosts import Network
from livelab.libvirtd import Libvirtd
from livelab.plainguest import Running
from livelab.predicting import journey
from nova.virt.libvirt import guest as libvirt_guest

from nova_livemig_gpu.gpu.null import NullBackend
from nova_livemig_gpu.migration.hook_calls import HookCalls
from nova_livemig_gpu.migration.hook_quiesce import QuiesceHook
from nova_livemig_gpu.migration.hooks import Facts, Services
from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Decision,
    Goal,
    JobState,
    Outcome,
    Surroundings,
)
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.virt import agent
from nova_livemig_gpu.virt.stephooks import HookWatcher
from tests import builders

# It writes faster than the link carries: the limit has to be raised.
LOAD = {"ws": 8, "rate": 60, "fill": 64, "sweep": 64}
BUDGET = builders.budget(max_downtime_ms=900, timeout_s=120, goal=Goal.GENTLE)
AROUND = Surroundings(overhead_ms=100)
RAISED = Decision(Action(ActionKind.SET_DOWNTIME, 200), "floor_reached", "ok")
SAY = "/bin/busybox sh -c 'echo {} > /dev/console'"


@pytest.fixture(scope="module", autouse=True)
def events() -> Iterator[None]:
    with journey.Events():
        yield


@pytest.fixture
def guest(
    network: Network, libvirtds: tuple[Libvirtd, Libvirtd]
) -> Iterator[AgentGuest]:
    plain = AgentGuest("quiesced", LOAD, memory_mib=256, state=network.state)
    for libvirtd in libvirtds:
        libvirtd.host.shape(400)
    try:
        with Running(plain, *libvirtds):
            plain.wait_for("^READY")
            plain.wait_for(r"FS \d+")
            _wait_for_agent(plain, libvirtds[0])
            yield plain
    finally:
        for libvirtd in libvirtds:
            libvirtd.host.shape(None)


class Host:
    """Nova's Host, as far as it is needed."""

    def __init__(self, libvirtd: Libvirtd) -> None:
        self.connection = libvirt.open(libvirtd.socket_uri)

    def get_connection(self) -> libvirt.virConnect:
        return self.connection

    def uuid(self, guest: AgentGuest) -> str:
        found: str = self.connection.lookupByName(guest.name).UUIDString()
        return found


def _wait_for_agent(guest: AgentGuest, at: Libvirtd) -> None:
    host, until = Host(at), time.monotonic() + 60
    while True:
        try:
            agent.ask(host, host.uuid(guest), '{"execute":"guest-ping"}', 2)
            return
        except libvirt.libvirtError:
            assert time.monotonic() < until, guest.console_lines()[-20:]
            time.sleep(0.5)


def _calls(
    host: Host, uuid: str, quiesce: str = "", go: str = ""
) -> HookCalls:
    hook = QuiesceHook()
    hook.services = Services(
        gpus=NullBackend(),
        agent=lambda server, text, limit_s: agent.ask(
            host, server, text, limit_s
        ),
        audit=lambda line: None,
        commands=lambda: (quiesce, go),
    )
    facts = Facts(
        migration="m1",
        server=uuid,
        server_name="quiesced",
        source="compute1",
        destination="compute2",
        request_id="req-1",
        user_id="u1",
        project_id="p1",
        budget=BUDGET,
        around=AROUND,
    )
    return HookCalls((("quiesce", hook),), facts, 10)


def _marks(guest: AgentGuest) -> int:
    return sum("FS " in line for line in guest.console_lines())


def _status(host: Host, uuid: str) -> str:
    told = agent.ask(host, uuid, '{"execute":"guest-fsfreeze-status"}', 5)
    found: str = json.loads(told)["return"]
    return found


def _writes(guest: AgentGuest) -> bool:
    """Whether it writes to its file system."""
    before = _marks(guest)
    time.sleep(1.5)
    return _marks(guest) > before + 1


@pytest.mark.lab
def test_it_is_frozen_before_the_switchover_and_thawed_behind_it(
    guest: AgentGuest, libvirtds: tuple[Libvirtd, Libvirtd]
) -> None:
    source, target = libvirtds
    here, there = Host(source), Host(target)
    uuid = here.uuid(guest)
    calls = _calls(here, uuid)
    end, record, errors = journey.run(
        AdaptivePolicy(BUDGET, AROUND),
        libvirt_guest.Guest(here.connection.lookupByUUIDString(uuid)),
        target.uri,
        HookWatcher(calls),
    )
    assert errors == []
    assert end.sample is not None
    assert end.sample.state is JobState.COMPLETED
    assert len(record.decisions) > 1
    (note,) = calls.collect()["quiesce"]["before_switchover"]
    assert note["agent"] == {"return": 1}, "one file system"
    assert _status(there, uuid) == "frozen"
    assert not _writes(guest)
    assert agent.resume(there, uuid, "") == "its file systems were thawed"
    assert agent.resume(there, uuid, "") is None
    assert _writes(guest)
    guest.wait_sweep()


@pytest.mark.lab
def test_it_is_thawed_where_it_stays(
    guest: AgentGuest, libvirtds: tuple[Libvirtd, Libvirtd]
) -> None:
    here = Host(libvirtds[0])
    uuid = here.uuid(guest)
    calls = _calls(here, uuid)
    calls.before_switchover(RAISED)
    assert _status(here, uuid) == "frozen"
    assert not _writes(guest)
    calls.failed(Outcome(JobState.FAILED, reason="it was aborted"))
    assert _status(here, uuid) == "thawed"
    assert _writes(guest)


@pytest.mark.lab
def test_commands_of_the_operators_run_in_the_guest(
    guest: AgentGuest, libvirtds: tuple[Libvirtd, Libvirtd]
) -> None:
    here = Host(libvirtds[0])
    uuid = here.uuid(guest)
    calls = _calls(here, uuid, SAY.format("RESTS"), SAY.format("GOES ON"))
    calls.before_switchover(RAISED)
    guest.wait_for("RESTS", 5)
    calls.failed(Outcome(JobState.FAILED, reason="it was aborted"))
    guest.wait_for("GOES ON", 5)
    calls = _calls(here, uuid, "/bin/busybox false", SAY.format("AGAIN"))
    calls.before_switchover(RAISED)
    (note,) = calls.collect()["quiesce"]["before_switchover"]
    assert "ended with 1 in the server" in note["error"]
    guest.wait_for("AGAIN", 5)
    assert _writes(guest)
