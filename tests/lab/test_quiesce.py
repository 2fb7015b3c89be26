# SPDX-License-Identifier: Apache-2.0
"""The hook quiesce with QEMU's own guest agent in a guest that migrates.

The guest writes to a file system ten times a second and says so, unless the
file system is frozen.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import libvirt
import nova.conf
import pytest
from livelab.agentguest import AgentGuest
from livelab.hosts import Network
from livelab.libvirtd import Libvirtd
from livelab.plainguest import Running
from livelab.predicting import journey
from nova.virt import event as virtevent
from nova.virt.libvirt import guest as libvirt_guest

from nova_livemig_gpu.gpu.null import NullBackend
from nova_livemig_gpu.migration.hook_calls import HookCalls
from nova_livemig_gpu.migration.hook_quiesce import QuiesceHook
from nova_livemig_gpu.migration.hooks import Facts, Services
from nova_livemig_gpu.migration.record import Record, Records
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
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.virt import agent, interrupted
from nova_livemig_gpu.virt.arrivals import Arrivals
from nova_livemig_gpu.virt.interrupted import Interrupted
from nova_livemig_gpu.virt.stephooks import HookWatcher
from tests import builders

CONF = nova.conf.CONF

# It writes faster than the link carries: the limit has to be raised.
LOAD = {"ws": 8, "rate": 60, "fill": 64, "sweep": 64}
BUDGET = builders.budget(max_downtime_ms=900, timeout_s=120, goal=Goal.GENTLE)
AROUND = Surroundings(overhead_ms=100)
POSTCOPY = builders.budget(max_downtime_ms=300, timeout_s=120, postcopy=True)
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

    def __init__(self, uri: str | Libvirtd) -> None:
        self.uri = uri if isinstance(uri, str) else uri.socket_uri
        self.connection = libvirt.open(self.uri)

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


def _arrivals(host: Host) -> Arrivals:
    """As a nova-compute has them to which a server comes."""
    service: Any = SimpleNamespace(driver=SimpleNamespace(_host=host))
    server = SimpleNamespace(task_state="migrating", host="elsewhere")
    return Arrivals(service, lambda: ("", ""), find_server=lambda _: server)


def _resumed(
    _: Any, domain: Any, event: int, detail: int, arrivals: Arrivals
) -> None:
    """What Nova's Host makes of libvirt's event."""
    if event == libvirt.VIR_DOMAIN_EVENT_RESUMED:
        arrivals.event(
            virtevent.LifecycleEvent(
                domain.UUIDString(), virtevent.EVENT_LIFECYCLE_RESUMED
            )
        )


def _state_there(host: Host, uuid: str) -> str:
    try:
        return _status(host, uuid)
    except libvirt.libvirtError:
        return ""


class PostCopyAtOnce(AdaptivePolicy):
    """Does not wait for the end of a pass."""

    def decide(self, progress: Progress) -> Decision | None:
        if progress.postcopy or not progress.flowing:
            return None
        action = Action(ActionKind.START_POSTCOPY)
        return Decision(action, "at_once", "for a test")


class Looking(HookWatcher):
    """Notes what a server's agent says from its switchover on."""

    def __init__(
        self,
        calls: HookCalls,
        look: Callable[[], str],
        states: list[tuple[float, str]],
    ) -> None:
        super().__init__(calls, Record(None, {}))
        self._look_at, self._states = look, states
        self.switched_s: float | None = None
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def switched_over(self) -> None:
        super().switched_over()
        if self.switched_s is None:
            self.switched_s = time.monotonic()
            self.thread.start()

    def _watch(self) -> None:
        for _ in range(300):
            state = self._look_at()
            self._states.append((time.monotonic(), state))
            if state == "thawed":
                return
            time.sleep(0.1)


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
    calls.before_start()
    end, record, errors = journey.run(
        AdaptivePolicy(BUDGET, AROUND),
        libvirt_guest.Guest(here.connection.lookupByUUIDString(uuid)),
        target.uri,
        HookWatcher(calls, Record(None, {})),
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
def test_it_is_thawed_while_post_copy_runs(
    guest: AgentGuest, libvirtds: tuple[Libvirtd, Libvirtd]
) -> None:
    """The destination thaws it when libvirt says that it runs there."""
    source, target = libvirtds
    here, there = Host(source), Host(target)
    uuid = here.uuid(guest)
    arrivals = _arrivals(there)
    number = there.connection.domainEventRegisterAny(
        None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, _resumed, arrivals
    )
    calls = _calls(here, uuid)
    calls.before_start()
    states: list[tuple[float, str]] = []
    watcher = Looking(calls, lambda: _state_there(there, uuid), states)
    source.host.shape(100)  # most of its memory needs ten seconds
    try:
        end, record, errors = journey.run(
            PostCopyAtOnce(POSTCOPY, AROUND),
            libvirt_guest.Guest(here.connection.lookupByUUIDString(uuid)),
            target.uri,
            watcher,
        )
        ended_s = time.monotonic()
        watcher.thread.join(10)
    finally:
        there.connection.domainEventDeregisterAny(number)
    assert errors == []
    assert end.postcopy, record.decisions
    (note,) = calls.collect()["quiesce"]["before_switchover"]
    assert note["agent"] == {"return": 1}, "one file system"
    thawed_s = next(t for t, state in states if state == "thawed")
    begun_s = watcher.switched_s
    assert begun_s is not None
    print(f"{thawed_s - begun_s:.1f} of {ended_s - begun_s:.1f} s")
    assert thawed_s < ended_s, "while post-copy runs"
    for libvirtd in libvirtds:
        libvirtd.host.shape(400)
    assert _writes(guest)
    guest.wait_sweep()


KILLED = """
import sys, time, libvirt
from pathlib import Path
from nova_livemig_gpu.migration.record import Records
from nova_livemig_gpu.virt.stephooks import HookWatcher
from tests.lab import test_quiesce as here
state, socket_uri, uuid = sys.argv[1:]
host = here.Host(socket_uri)
head = {"migration": "m1", "server": uuid, "source": here.CONF.host}
record = Records(state, 10).create("m1", head)
calls = here._calls(host, uuid)
calls.before_start()
HookWatcher(calls, record).switchover_ahead(here.RAISED)
print("frozen", flush=True)
time.sleep(600)
"""


@pytest.mark.lab
def test_killed_while_frozen(
    guest: AgentGuest,
    libvirtds: tuple[Libvirtd, Libvirtd],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a nova-compute that is killed has frozen, the next one thaws."""
    here = Host(libvirtds[0])
    uuid = here.uuid(guest)
    root = Path(__file__).parents[2]
    path = f"{root}:{root / 'lab'}"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, tmp_path, here.uri, uuid],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "frozen\n"
        process.kill()
    assert _status(here, uuid) == "frozen"
    assert not _writes(guest)
    told: list[str] = []
    monkeypatch.setattr(
        interrupted.report,
        "interrupted",
        lambda head, reason, **_: told.append(reason),
    )
    options = SimpleNamespace(
        state_dir=str(tmp_path), max_records=10, resume_command=""
    )
    service: Any = SimpleNamespace(
        driver=SimpleNamespace(_host=here),
        options=SimpleNamespace(read=lambda: options),
        release=None,
    )
    Interrupted(service).close()
    assert _status(here, uuid) == "thawed"
    assert _writes(guest)
    assert len(told) == 1
    assert list(Records(str(tmp_path), 10).unfinished()) == []


@pytest.mark.lab
def test_it_is_thawed_where_it_stays(
    guest: AgentGuest, libvirtds: tuple[Libvirtd, Libvirtd]
) -> None:
    here = Host(libvirtds[0])
    uuid = here.uuid(guest)
    calls = _calls(here, uuid)
    calls.before_start()
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
    calls.before_start()
    calls.before_switchover(RAISED)
    guest.wait_for("RESTS", 5)
    calls.failed(Outcome(JobState.FAILED, reason="it was aborted"))
    guest.wait_for("GOES ON", 5)
    calls = _calls(here, uuid, "/bin/busybox false", SAY.format("AGAIN"))
    calls.before_start()
    calls.before_switchover(RAISED)
    (note,) = calls.collect()["quiesce"]["before_switchover"]
    assert "ended with 1 in the server" in note["error"]
    guest.wait_for("AGAIN", 5)
    assert _writes(guest)
