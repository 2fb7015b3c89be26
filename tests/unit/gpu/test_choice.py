"""Who knows the GPUs best, now and later."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from nova_livemig_gpu.exception import PluginNotMine
from nova_livemig_gpu.gpu import once as once_module
from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.gpu.bounded import BoundedBackend
from nova_livemig_gpu.gpu.choice import BackendChoice, Candidate
from nova_livemig_gpu.gpu.null import NullBackend
from nova_livemig_gpu.model import GpuDevice


class Scored(NullBackend):
    """Gives its scores in turn, the last again and again."""

    def __init__(self, *scores: Any) -> None:
        self._scores = list(scores)
        self.asked = 0

    def score(self) -> int:
        self.asked += 1
        more = len(self._scores) > 1
        score = self._scores.pop(0) if more else self._scores[0]
        if isinstance(score, Exception):
            raise score
        number: int = score
        return number

    def devices(self) -> tuple[GpuDevice, ...]:
        return (GpuDevice("0000:3b:00.0", f"of {id(self)}"),)


class World:
    """A clock, and threads that run at once, or when the test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.at_once = True
        self.started: list[Callable[[], None]] = []

    def start(self, target: Callable[[], None]) -> None:
        self.started.append(target)
        if self.at_once:
            target()

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now_s += seconds

    def choose(self, *backends: GpuBackend) -> BackendChoice:
        candidates = [
            Candidate(
                f"number {n}",
                backend,
                start=self.start,
                clock=lambda: self.now_s,
            )
            for n, backend in enumerate(backends)
        ]
        return BackendChoice(candidates, 5, lambda: self.now_s, self.sleep)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(
        once_module.LOG, "warning", lambda text, *of: lines.append(text % of)
    )
    return lines


def test_the_highest_score_wins(world: World) -> None:
    low, high = Scored(1), Scored(9)
    chosen = world.choose(low, high)
    assert chosen.devices() == high.devices()
    assert chosen.score() == 9


def test_of_equals_the_first(world: World) -> None:
    one, other = Scored(9), Scored(9)
    assert world.choose(one, other).devices() == one.devices()


@pytest.mark.parametrize(
    "error", [PluginNotMine(plugin="x", reason="y"), ZeroDivisionError(), 0]
)
def test_who_cannot_score_is_left_out(world: World, error: Any) -> None:
    good = Scored(1)
    assert world.choose(Scored(error), good).devices() == good.devices()


def test_without_any_it_is_a_host_without_gpus(world: World) -> None:
    assert world.choose().devices() == ()


@pytest.mark.parametrize(
    "first",
    [PluginNotMine(plugin="nvml", reason="no library"), ValueError("busy"), 0],
)
def test_who_could_not_score_is_asked_again(world: World, first: Any) -> None:
    """A driver that is loaded after nova-compute has started."""
    sysfs, nvml = Scored(50), Scored(first, 100)
    chosen = world.choose(nvml, sysfs)
    assert chosen.devices() == sysfs.devices()
    world.now_s += 29
    assert chosen.devices() == sysfs.devices()
    world.now_s += 1
    assert chosen.devices() == nvml.devices()
    assert nvml.asked == 2


def test_asking_again_becomes_seldom(world: World) -> None:
    never = Scored(PluginNotMine(plugin="nvml", reason="no library"))
    chosen = world.choose(never, Scored(50))
    for _ in range(24 * 60):
        chosen.devices()
        world.now_s += 60
    assert 24 <= never.asked <= 33


def test_who_fails_always_is_warned_of_once(
    world: World, warned: list[str]
) -> None:
    chosen = world.choose(Scored(ValueError("no such symbol")), Scored(50))
    for _ in range(60):
        chosen.devices()
        world.now_s += 60
    (line,) = warned
    assert "number 0" in line and "no such symbol" in line


def test_a_slow_score_is_taken_when_it_comes(
    world: World, warned: list[str]
) -> None:
    """It was too slow once, at the start: it is not lost."""
    sysfs, nvml = Scored(50), Scored(100)
    world.at_once = False
    chosen = world.choose(nvml, sysfs)
    assert world.now_s == pytest.approx(5, abs=0.1)
    assert chosen.devices() == ()
    assert len(warned) == 2 and "number 0" in warned[0]
    for target in world.started:
        target()
    assert chosen.devices() == nvml.devices()


def test_a_score_that_never_comes_has_one_thread(world: World) -> None:
    world.at_once = False
    chosen = world.choose(Scored(100))
    for _ in range(1000):
        chosen.devices()
        world.now_s += 3600
    assert len(world.started) == 1


def test_without_a_thread_it_is_tried_later(
    world: World, warned: list[str]
) -> None:
    start = world.start

    def refuse(target: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    world.start = refuse  # type: ignore[method-assign]
    good = Scored(9)
    chosen = world.choose(good)
    assert chosen.devices() == ()
    assert len(warned) == 1
    world.start = start  # type: ignore[method-assign]
    # what was refused is held by the candidate
    chosen._candidates[0]._start = start
    world.now_s += 30
    assert chosen.devices() == good.devices()


class Slow(NullBackend):
    """Answers after a while; in a real thread."""

    def score(self) -> int:
        time.sleep(0.3)
        return 100

    def devices(self) -> tuple[GpuDevice, ...]:
        return (GpuDevice("0000:3b:00.0", "H100"),)


def test_with_real_threads() -> None:
    chosen = BackendChoice([Candidate("slow", Slow())], 0.05)
    assert chosen.devices() == ()
    end_s = time.monotonic() + 10
    while not chosen.devices():
        assert time.monotonic() < end_s
        time.sleep(0.02)
    assert chosen.name == "slow"


@pytest.mark.parametrize("wrapper", [BackendChoice, BoundedBackend])
def test_every_question_is_passed_on(wrapper: type[GpuBackend]) -> None:
    """A default of the base class would answer for the backend."""
    asked = {name for name in vars(GpuBackend) if not name.startswith("_")}
    assert asked <= set(vars(wrapper))
