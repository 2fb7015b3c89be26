"""What arrives quiesced is resumed as soon as it runs here."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import libvirt
import nova.conf
import pytest
from nova.compute import task_states
from nova.virt import event as virtevent

from nova_livemig_gpu.virt import agent
from nova_livemig_gpu.virt.arrivals import Arrivals

CONF = nova.conf.CONF
HERE = "compute2"
RESUMED = virtevent.LifecycleEvent("s1", virtevent.EVENT_LIFECYCLE_RESUMED)


class World:
    """A host to which servers come, and what is done to them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.resumed: list[str] = []
        self.works = True
        self.on_resume: Callable[[], None] = lambda: None
        self.server: Any = SimpleNamespace(
            task_state=task_states.MIGRATING, host="compute1"
        )
        self.coming: Any = []
        monkeypatch.setattr(agent, "resume_patiently", self._resume)
        monkeypatch.setattr(CONF, "host", HERE, raising=False)
        self.arrivals = Arrivals(
            SimpleNamespace(driver=SimpleNamespace(_host="host")),  # type: ignore[arg-type]
            lambda: ("", "/go"),
            start=lambda work: self._started(work),
            find_server=self._find,
            find_coming=lambda host: self._coming(host),
        )

    def _started(self, work: Callable[[], object]) -> None:
        work()

    def _find(self, uuid: str) -> Any:
        if isinstance(self.server, Exception):
            raise self.server
        return self.server

    def _coming(self, host: str) -> Any:
        assert host == HERE
        if isinstance(self.coming, Exception):
            raise self.coming
        return [SimpleNamespace(instance_uuid=uuid) for uuid in self.coming]

    def _resume(self, host: Any, server: str, command: str) -> bool:
        assert (host, command) == ("host", "/go")
        self.resumed.append(server)
        self.on_resume()
        return self.works


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_it_is_resumed_when_it_begins_to_run_here(world: World) -> None:
    world.arrivals.event(RESUMED)
    assert world.resumed == ["s1"]
    world.arrivals.posted("s1")
    assert world.resumed == ["s1"], "once is enough"


def test_it_may_come_again(world: World) -> None:
    for _ in range(2):
        world.arrivals.event(RESUMED)
        world.arrivals.posted("s1")
    assert world.resumed == ["s1", "s1"]


def test_novas_last_step_looks_after_what_no_event_told(world: World) -> None:
    world.arrivals.posted("s1")
    assert world.resumed == ["s1"]


def test_novas_last_step_tries_again_what_has_failed(world: World) -> None:
    world.works = False
    world.arrivals.event(RESUMED)
    world.arrivals.posted("s1")
    assert world.resumed == ["s1", "s1"]


@pytest.mark.parametrize(
    "server",
    [
        # unpaused by its user, perhaps while a backup has frozen it
        SimpleNamespace(task_state=task_states.UNPAUSING, host=HERE),
        SimpleNamespace(task_state=None, host=HERE),
        # a migration from here that has failed
        SimpleNamespace(task_state=task_states.MIGRATING, host=HERE),
        RuntimeError("no database"),
    ],
    ids=range(4),
)
def test_who_does_not_arrive_is_left_alone(world: World, server: Any) -> None:
    world.server = server
    world.arrivals.event(RESUMED)
    assert world.resumed == []


@pytest.mark.parametrize(
    "event",
    [
        virtevent.LifecycleEvent("s1", virtevent.EVENT_LIFECYCLE_STARTED),
        virtevent.LifecycleEvent("s1", virtevent.EVENT_LIFECYCLE_PAUSED),
        virtevent.InstanceEvent("s1"),
        None,
        "event",
    ],
    ids=str,
)
def test_other_events_are_nothing(world: World, event: Any) -> None:
    world.arrivals.event(event)
    assert world.resumed == []


def test_one_at_a_time(world: World) -> None:
    world.on_resume = lambda: world.arrivals.posted("s1")
    world.arrivals.event(RESUMED)
    assert world.resumed == ["s1"]


def test_what_came_while_nova_compute_was_down(world: World) -> None:
    world.coming = ["s1", "s2"]
    world.arrivals.look()
    assert world.resumed == ["s1", "s2"]


def test_a_look_that_fails_is_told(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.coming = RuntimeError("no database")
    world.arrivals.look()
    assert "no database" in caplog.text


def test_events_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """libvirt's thread goes on while an agent is waited for."""
    world = World(monkeypatch)
    free, done = threading.Event(), threading.Event()
    world.on_resume = lambda: (free.wait(10), done.set())  # type: ignore[func-returns-value]
    real = Arrivals(
        world.arrivals._service,
        lambda: ("", "/go"),
        find_server=lambda uuid: world.server,
    )
    real.event(RESUMED)
    assert not done.is_set()
    free.set()
    assert done.wait(10)


class Coded(libvirt.libvirtError):
    def __init__(self, code: int) -> None:
        Exception.__init__(self, f"code {code}")
        self._code = code

    def get_error_code(self) -> int:
        return self._code


@pytest.fixture
def resume(monkeypatch: pytest.MonkeyPatch) -> Any:
    def with_answers(*answers: Any) -> tuple[bool, list[float]]:
        left = list(answers)
        slept: list[float] = []

        def answer(host: Any, server: str, command: str) -> Any:
            found = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(found, Exception):
                raise found
            return found

        monkeypatch.setattr(agent, "resume", answer)
        return (
            agent.resume_patiently(None, "s1", "", sleep=slept.append),
            slept,
        )

    return with_answers


def test_an_agent_that_is_not_connected_yet_is_asked_again(
    resume: Any, caplog: pytest.LogCaptureFixture
) -> None:
    done, slept = resume(
        Coded(libvirt.VIR_ERR_AGENT_UNRESPONSIVE),
        Coded(libvirt.VIR_ERR_AGENT_UNRESPONSIVE),
        "its file systems were thawed",
    )
    assert done and slept == [0.5, 1.0]
    assert "may still" not in caplog.text


def test_an_agent_that_never_answers_is_told(
    resume: Any, caplog: pytest.LogCaptureFixture
) -> None:
    done, slept = resume(libvirt.libvirtError("not connected" + "x" * 10**7))
    assert not done and 60 < sum(slept) < 200
    assert "does not answer: not connected" in caplog.text
    assert len(caplog.text) < 5000


@pytest.mark.parametrize(
    "code", [libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED]
)
def test_a_server_that_is_not_here_or_has_no_agent_needs_nobody(
    resume: Any, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    assert resume(Coded(code)) == (True, [])
    assert caplog.text == ""
