"""A GPU backend that cannot hold anybody up.

A driver in trouble can keep a call for ever, inside the kernel where
nothing ends it. Nova's resource tracker must not wait for it.
"""

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from nova_livemig_gpu.gpu import threads
from nova_livemig_gpu.gpu.backoff import Backoff
from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.gpu.once import Once
from nova_livemig_gpu.model import (
    ActiveVgpu,
    Compatibility,
    GpuDevice,
    GpuTelemetry,
    VgpuFunction,
)

T = TypeVar("T")

#: Between two looks at a running call: first so long, then longer by the
#: factor each time, up to the last.
_FIRST_S, _FACTOR, _LONGEST_S = 0.0005, 1.3, 0.02
#: Beside a call that hangs another is tried after so many seconds, then
#: after twice as many each time, up to the last.
_AGAIN_S = (60.0, 3600.0)
#: No more calls than this hang at once.
_MOST_HANGING = 3


@dataclass
class Call:
    """One call on its way. ``done`` is set last, by the call's thread."""

    work: Callable[[], Any]
    result: Any = None
    error: BaseException | None = None
    done: bool = False

    def carry_out(self) -> None:
        """Run in the call's own thread."""
        try:
            self.result = self.work()
        except BaseException:
            self.error = sys.exc_info()[1]
        self.done = True


class Lane:
    """Runs one call at a time, in a thread, and waits for it so long.

    - A call that is not back after ``bound_s`` is given up: None. It is
      warned of once, until a call is back in time again.
    - While a given-up call is still running no other is started but after a
      minute, then two, four and so on: None at once. Three hang at most, so
      that hung threads do not pile up.
    - A call that is running and in time is waited for, the waiting counts.

    It waits by looking again and again, for a lock of Python's cannot be
    shared by a green thread and a real one.
    """

    def __init__(
        self,
        name: str,
        bound_s: float,
        start: threads.Starter = threads.start,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._name = name
        self._bound_s = bound_s
        self._start = start
        self._clock = clock
        # looked up late: eventlet may patch time after we are imported
        self._sleep = sleep or (lambda seconds: time.sleep(seconds))
        self._once = Once()
        self._claim = threading.Lock()  # among those who ask, all alike
        self._running: Call | None = None
        self._hanging: list[Call] = []
        self._again = Backoff(*_AGAIN_S, clock=clock)

    def run(self, what: str, work: Callable[[], T]) -> T | None:
        """Return what ``work`` returns, None where it takes too long.

        :raises: whatever ``work`` raises in time
        """
        end_s = self._clock() + self._bound_s
        call = Call(work)
        self._wait(lambda: self._hung() or self._begin(call), end_s)
        if self._running is not call:
            return None
        try:
            self._start(call.carry_out)
        except BaseException:
            call.done = True  # there is no thread that would say so
            raise
        if not self._wait(lambda: call.done, end_s):
            self._give_up(call, what)
            return None
        self._again.succeeded()
        self._once.over(self._name, f"{self._name} answers again")
        if call.error is not None:
            raise call.error
        result: T = call.result
        return result

    def _begin(self, call: Call) -> bool:
        with self._claim:
            running = self._running
            free = running is None or running.done or running in self._hanging
            if free:
                self._running = call
            return free

    def _wait(self, ready: Callable[[], bool], end_s: float) -> bool:
        pause_s = _FIRST_S
        while not ready():
            left_s = end_s - self._clock()
            if left_s <= 0:
                return False
            self._sleep(min(pause_s, left_s))
            pause_s = min(pause_s * _FACTOR, _LONGEST_S)
        return True

    def _hung(self) -> bool:
        """Calls hang, and it is not the time to try another."""
        hanging = [call for call in self._hanging if not call.done]
        if len(hanging) < len(self._hanging):
            # One is back after all: the next may have its chance.
            self._again.succeeded()
        self._hanging = hanging
        if not hanging:
            return False
        return len(hanging) >= _MOST_HANGING or not self._again.due()

    def _give_up(self, call: Call, what: str) -> None:
        self._hanging.append(call)
        self._again.failed()
        self._once.warn(
            self._name,
            f"{self._name} has not answered {what} within "
            f"{self._bound_s:g} s: what it tells is unknown until it does",
        )


class BoundedBackend(GpuBackend):
    """Another backend, each call of it bounded.

    What asks the metadata of running vGPUs has a lane of its own: where
    that hangs, GPUs and vGPUs in use are still known.

    :param bound_s: after so long its answer is "unknown"
    """

    def __init__(
        self,
        name: str,
        backend: GpuBackend,
        bound_s: float,
    ) -> None:
        self._backend = backend
        self._bound_s = bound_s
        self._lane = Lane(f"GPU backend {name}", bound_s)
        self._of_vgpus = Lane(f"GPU backend {name}, vGPU metadata", bound_s)

    def score(self) -> int:
        return self._lane.run("score", self._backend.score) or 0

    def devices(self) -> Sequence[GpuDevice] | None:
        return self._lane.run("devices", self._backend.devices)

    def functions(self) -> Sequence[VgpuFunction] | None:
        return self._lane.run("functions", self._backend.functions)

    def active(self) -> Sequence[ActiveVgpu] | None:
        return self._lane.run("active", self._backend.active)

    def guest_drivers(self) -> Mapping[str, str] | None:
        return self._of_vgpus.run("guest_drivers", self._backend.guest_drivers)

    def telemetry(self, gpu_address: str, server: str) -> GpuTelemetry | None:
        return self._lane.run(
            "telemetry", lambda: self._backend.telemetry(gpu_address, server)
        )

    def vgpu_metadata(self, server: str) -> Sequence[bytes]:
        found = self._of_vgpus.run(
            "vgpu_metadata", lambda: self._backend.vgpu_metadata(server)
        )
        return found or ()

    def compatibility(
        self, metadata: bytes, gpu_address: str
    ) -> Compatibility:
        verdict = self._lane.run(
            "compatibility",
            lambda: self._backend.compatibility(metadata, gpu_address),
        )
        return verdict or Compatibility(
            None, f"NVML has not answered within {self._bound_s:g} s"
        )
