"""A call that hangs, with threads and a clock of our own; then with real."""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from nova_livemig_gpu.gpu import once as once_module
from nova_livemig_gpu.gpu.bounded import BoundedBackend, Lane
from nova_livemig_gpu.gpu.null import NullBackend
from nova_livemig_gpu.model import ActiveVgpu, GpuDevice
from tests.nvml import stand_in
from tests.nvml.host import Host


class World:
    """A clock, and threads that run when the test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.started: list[Callable[[], None]] = []
        self.at_once = False
        self.on_sleep: Callable[[], None] = lambda: None

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now_s += seconds
        self.on_sleep()

    def start(self, target: Callable[[], None]) -> None:
        self.started.append(target)
        if self.at_once:
            target()

    def lane(self, bound_s: float = 5) -> Lane:
        return Lane("nvml", bound_s, self.start, self.clock, self.sleep)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    for level in ("warning", "info"):
        monkeypatch.setattr(
            once_module.LOG,
            level,
            lambda text, *of, level=level: lines.append(level),
        )
    return lines


def test_in_time(world: World, said: list[str]) -> None:
    world.at_once = True
    assert world.lane().run("devices", lambda: 7) == 7
    assert (world.now_s, said) == (0, [])


def test_hung(world: World, said: list[str]) -> None:
    """Unknown after the bound, at once from then on, warned of once."""
    lane = world.lane()
    assert lane.run("devices", lambda: 7) is None
    assert world.now_s == pytest.approx(5)
    for _ in range(10):
        assert lane.run("active", lambda: 7) is None
    assert world.now_s == pytest.approx(5)
    assert len(world.started) == 1
    assert said == ["warning"]


def test_it_recovers_when_the_hung_call_returns(
    world: World, said: list[str]
) -> None:
    lane = world.lane()
    lane.run("devices", lambda: 7)
    world.started[0]()  # at last
    world.at_once = True
    assert lane.run("devices", lambda: 8) == 8
    assert said == ["warning", "info"]
    world.at_once = False
    lane.run("devices", lambda: 9)
    assert said == ["warning", "info", "warning"]


def test_always_late_is_warned_of_once(world: World, said: list[str]) -> None:
    lane = world.lane()
    for n in range(3):
        lane.run("devices", lambda: 7)
        world.started[n]()
    assert said == ["warning"]


def test_beside_a_call_that_never_returns_another_is_tried(
    world: World, said: list[str]
) -> None:
    lane = world.lane()
    lane.run("devices", lambda: 7)
    world.now_s += 59
    assert lane.run("devices", lambda: 7) is None
    assert len(world.started) == 1
    world.now_s += 1
    world.at_once = True
    assert lane.run("devices", lambda: 8) == 8
    assert lane.run("devices", lambda: 9) == 9
    assert said == ["warning", "info"]


def test_hanging_calls_do_not_pile_up(world: World) -> None:
    lane = world.lane()
    for _ in range(1000):
        lane.run("devices", lambda: 7)
        world.now_s += 600
    assert len(world.started) == 3
    world.started[0]()  # one of them returns at last
    world.at_once = True
    assert lane.run("devices", lambda: 8) == 8


def test_one_who_asks_meanwhile_does_not_try_another(world: World) -> None:
    """The call that it waits for is given up: it is not tried again."""
    lane = world.lane()
    answers: list[int | None] = []

    def ask_too() -> None:
        world.on_sleep = lambda: None
        answers.append(lane.run("active", lambda: 8))

    world.on_sleep = ask_too
    answers.append(lane.run("devices", lambda: 7))
    assert answers == [None, None]
    assert len(world.started) == 1


def test_one_who_asks_meanwhile_waits(world: World) -> None:
    """Another call in time is no fault: wait for it, within the bound."""
    lane = world.lane()
    answers: list[int | None] = []

    def ask_too() -> None:
        world.on_sleep = lambda: world.started[0]()
        world.at_once = True
        answers.append(lane.run("active", lambda: 8))

    world.on_sleep = ask_too
    answers.append(lane.run("devices", lambda: 7))
    assert answers == [8, 7]


def test_its_errors_are_the_callers(world: World) -> None:
    world.at_once = True
    with pytest.raises(ZeroDivisionError):
        world.lane().run("devices", lambda: 1 // 0)


def test_no_thread_can_be_started(world: World) -> None:
    """An error, and the next call has its chance."""
    lane = world.lane()
    world.start = None  # type: ignore[assignment, method-assign]
    lane = Lane("nvml", 5, _refuse_once(world), world.clock, world.sleep)
    with pytest.raises(RuntimeError):
        lane.run("devices", lambda: 7)
    assert lane.run("devices", lambda: 8) == 8


def _refuse_once(world: World) -> Callable[[Callable[[], None]], object]:
    calls: list[int] = []

    def start(target: Callable[[], None]) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("can't start new thread")
        target()

    return start


class Hanging(NullBackend):
    """Hangs until it is let go.

    No lock: under eventlet it would be a green one, and the call runs in a
    real thread.
    """

    def __init__(self) -> None:
        self.go = False
        self.calls = 0

    def devices(self) -> tuple[GpuDevice, ...]:
        self.calls += 1
        while not self.go:
            time.sleep(0.01)
        return (GpuDevice("0000:3b:00.0", "H100"),)

    def active(self) -> tuple[ActiveVgpu, ...]:
        return ()


def test_a_backend_that_hangs() -> None:
    """With real threads; all of its answers are unknown meanwhile."""
    hanging = Hanging()
    backend = BoundedBackend("nvml", hanging, 0.05)
    begun_s = time.monotonic()
    assert backend.devices() is None
    assert backend.devices() is None
    assert backend.active() is None
    assert backend.guest_drivers() == {}  # in a lane of its own
    verdict = backend.compatibility(b"", "")
    assert verdict.live is None and "within 0.05 s" in verdict.reason
    assert backend.score() == 0
    assert time.monotonic() - begun_s < 2
    _until(lambda: hanging.calls)  # a busy machine starts its thread late
    assert hanging.calls == 1
    hanging.go = True
    _until(lambda: backend.active() == ())
    assert backend.score() == 1


def _until(true: Callable[[], Any], longest_s: float = 10) -> None:
    end_s = time.monotonic() + longest_s
    while not true():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_a_call_of_nvml_hangs(host: Host) -> None:
    """In C, in the real binding."""
    description = stand_in.load("h100")
    description["fault"] = [
        {"function": "nvmlDeviceGetEccMode", "hang_ms": 1500, "last": 1}
    ]
    (none, first_s, again_s, later), warnings = host.ask(
        description,
        """
        import time
        from nova_livemig_gpu.gpu.bounded import BoundedBackend
        bounded = BoundedBackend("nvml", backend, 0.2)
        begun_s = time.monotonic()
        none = bounded.devices()
        first_s = time.monotonic() - begun_s
        bounded.active()
        again_s = time.monotonic() - begun_s - first_s
        while bounded.devices() is None and time.monotonic() < begun_s + 20:
            time.sleep(0.05)
        result = none, first_s, again_s, bounded.devices()
        """,
    )
    assert none is None
    assert 0.2 <= first_s < 1.2
    assert again_s < 0.1
    assert len(later) == 2
    assert len(warnings) == 1 and "within 0.2 s" in warnings[0]


def test_a_hanging_metadata_call_hides_the_guest_driver_only(
    host: Host,
) -> None:
    description = stand_in.load("h100")
    description["fault"] = [
        {"function": "nvmlVgpuInstanceGetMetadata", "hang_ms": 60_000}
    ]
    facts, warnings = host.ask(
        description,
        """
        from nova_livemig_gpu.facts.collect import collect
        from nova_livemig_gpu.gpu.bounded import BoundedBackend
        bounded = BoundedBackend("nvml", backend, 2)
        result = [collect("1.0", 34, bounded) for _ in range(2)]
        """,
    )
    for each in facts:
        assert len(each.gpus) == 2
        assert [vgpu.guest_driver for vgpu in each.active] == [None]
    assert len(warnings) == 1 and "vGPU metadata" in warnings[0]


EVENTLET = """
import warnings; warnings.simplefilter("ignore")
import eventlet; eventlet.monkey_patch()
import ctypes, time
from nova_livemig_gpu.gpu.bounded import BoundedBackend
from nova_livemig_gpu.gpu.null import NullBackend

class Hanging(NullBackend):
    def devices(self):
        ctypes.CDLL(None).usleep(900_000)  # holds its thread, not the GIL
        return ("late",)

ticks = 0
def tick():
    global ticks
    while True:
        ticks += 1
        eventlet.sleep(0.01)
eventlet.spawn(tick)
backend = BoundedBackend("nvml", Hanging(), 0.3)
begun = time.monotonic()
assert backend.devices() is None
waited = time.monotonic() - begun
assert 0.3 <= waited < 0.8, waited
assert ticks > 5, ticks
assert backend.active() is None
while backend.active() is None:
    assert time.monotonic() < begun + 20
    eventlet.sleep(0.05)
print("well")
"""


def test_under_eventlet() -> None:
    """Nova 31 to 33: other green threads go on while a C call hangs."""
    pytest.importorskip("eventlet")
    done = subprocess.run(
        [sys.executable, "-c", EVENTLET],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "well", done.stderr
