"""A GPU backend that cannot hold anybody up.

A driver in trouble can keep a call for ever, inside the kernel where
nothing ends it. Nova's resource tracker must not wait for it.
"""

import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from nova_livemig_gpu.gpu import threads
from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.gpu.once import Once
from nova_livemig_gpu.model import (
    ActiveVgpu,
    Compatibility,
    GpuDevice,
    GpuTelemetry,
)

T = TypeVar("T")

#: Between two looks at a running call: first so long, then longer by the
#: factor each time, up to the last.
_FIRST_S, _FACTOR, _LONGEST_S = 0.0005, 1.3, 0.02


@dataclass
class _Call:
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
    - While a given-up call is still running no other is started: None at
      once, so that hung threads do not pile up.
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
        self._running: _Call | None = None
        self._late: _Call | None = None

    def run(self, what: str, work: Callable[[], T]) -> T | None:
        """Return what ``work`` returns, None where it takes too long.

        :raises: whatever ``work`` raises in time
        """
        end_s = self._clock() + self._bound_s
        call = _Call(work)
        if not self._wait(lambda: self._begin(call), end_s):
            return None
        try:
            self._start(call.carry_out)
        except BaseException:
            call.done = True  # there is no thread that would say so
            raise
        if not self._wait(lambda: call.done, end_s):
            self._give_up(call, what)
            return None
        self._once.over(self._name, f"{self._name} answers again")
        if call.error is not None:
            raise call.error
        result: T = call.result
        return result

    def _begin(self, call: _Call) -> bool:
        with self._claim:
            free = self._running is None or self._running.done
            if free:
                self._running = call
            return free

    def _wait(self, ready: Callable[[], bool], end_s: float) -> bool:
        pause_s = _FIRST_S
        while not ready():
            left_s = end_s - self._clock()
            if left_s <= 0 or self._hung():
                return False
            self._sleep(min(pause_s, left_s))
            pause_s = min(pause_s * _FACTOR, _LONGEST_S)
        return True

    def _hung(self) -> bool:
        return self._late is not None and not self._late.done

    def _give_up(self, call: _Call, what: str) -> None:
        self._late = call
        self._once.warn(
            self._name,
            f"{self._name} has not answered {what} within "
            f"{self._bound_s:g} s: what it tells is unknown until it does",
        )


class BoundedBackend(GpuBackend):
    """Another backend, each call of it bounded.

    :param bound_s: after so long its answer is "unknown"
    """

    def __init__(
        self,
        name: str,
        backend: GpuBackend,
        bound_s: float,
        lane: Lane | None = None,
    ) -> None:
        self._backend = backend
        self.knows_servers = backend.knows_servers
        self._bound_s = bound_s
        self._lane = lane or Lane(f"GPU backend {name}", bound_s)

    def score(self) -> int:
        return self._lane.run("score", self._backend.score) or 0

    def devices(self) -> Sequence[GpuDevice] | None:
        return self._lane.run("devices", self._backend.devices)

    def active(self) -> Sequence[ActiveVgpu] | None:
        return self._lane.run("active", self._backend.active)

    def telemetry(self, gpu_address: str, server: str) -> GpuTelemetry | None:
        return self._lane.run(
            "telemetry", lambda: self._backend.telemetry(gpu_address, server)
        )

    def vgpu_metadata(self, server: str) -> Sequence[bytes]:
        found = self._lane.run(
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
