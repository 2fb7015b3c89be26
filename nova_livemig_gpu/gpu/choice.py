"""The GPU backend of a host, chosen by score, and chosen again when needed.

The highest score wins, of equals the first. A backend that has none yet (its
score takes too long, it has failed, or there was nothing for it) is asked
again: a driver may be loaded, or its library answer, minutes after
nova-compute has started. Nobody waits for that: the score is asked in a
thread, one for each backend, and taken when it is there.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence

from oslo_log import log as logging

from nova_livemig_gpu.exception import PluginNotMine
from nova_livemig_gpu.gpu import threads
from nova_livemig_gpu.gpu.backoff import Backoff
from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.gpu.bounded import Call
from nova_livemig_gpu.gpu.null import NullBackend
from nova_livemig_gpu.gpu.once import Once
from nova_livemig_gpu.model import (
    ActiveVgpu,
    Compatibility,
    GpuDevice,
    GpuTelemetry,
    VgpuFunction,
)

LOG = logging.getLogger(__name__)

#: A backend without a score is asked again after so many seconds, then after
#: twice as many each time, up to the last.
AGAIN_S = (30.0, 3600.0)
_LOOK_S = 0.005


class Candidate:
    """A backend whose score may not be known yet."""

    def __init__(
        self,
        name: str,
        backend: GpuBackend,
        score: Callable[[], int] | None = None,
        start: threads.Starter = threads.start,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """:param score: asked in a thread; None: ``backend.score``"""
        self.name = name
        self.backend = backend
        self.score = 0
        self._ask = score or backend.score
        self._start = start
        self._again = Backoff(*AGAIN_S, clock=clock)
        self._call: Call | None = None
        self._once = Once()

    @property
    def pending(self) -> bool:
        """It has been asked and has not answered."""
        return self._call is not None

    def look(self) -> None:
        """Take the score where it is there, else ask for it, if due."""
        if self.score:
            return
        if self._call is None:
            if not self._again.due():
                return
            call = Call(self._ask)
            try:
                self._start(call.carry_out)
            except RuntimeError as exc:
                self._again.failed()
                self._once.warn("thread", f"GPU backend {self.name}: {exc}")
                return
            self._call = call
        if self._call.done:
            self._take(self._call)
            self._call = None

    def late(self, bound_s: float) -> None:
        """Say that it has not answered in time."""
        self._once.warn(
            "late",
            f"GPU backend {self.name} has not answered within {bound_s:g} s; "
            "it is used when it does",
        )

    def _take(self, call: Call) -> None:
        error = call.error
        if error is None and call.result > 0:
            self.score = call.result
            return
        self._again.failed()
        if isinstance(error, PluginNotMine):
            LOG.debug("%s", error)
        elif error is not None:
            self._once.warn(
                "failed",
                f"GPU backend {self.name} failed and is left out for now: "
                f"{type(error).__name__}: {error}",
            )


class BackendChoice(GpuBackend):
    """The best backend that there is so far; one without GPUs at worst."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        bound_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        """:param bound_s: so long their scores are waited for now"""
        self._candidates = candidates
        self._looking = threading.Lock()
        self._chosen = Candidate("none", NullBackend())
        # looked up late: eventlet may patch time after we are imported
        sleep = sleep or (lambda seconds: time.sleep(seconds))
        end_s = clock() + bound_s
        self._look()
        while self._pending and clock() < end_s:
            sleep(_LOOK_S)
            self._look()
        for each in self._pending:
            each.late(bound_s)
        LOG.info("GPU backend: %s", self._chosen.name)

    @property
    def name(self) -> str:
        """Of the backend that is used now."""
        return self._chosen.name

    @property
    def _pending(self) -> list[Candidate]:
        return [each for each in self._candidates if each.pending]

    def _look(self) -> None:
        """Look at all, unless another thread does so now."""
        if not self._looking.acquire(blocking=False):
            return
        try:
            self._choose()
        finally:
            self._looking.release()

    def _choose(self) -> None:
        for each in self._candidates:
            each.look()
        # of equals the first
        best = max(self._candidates, key=lambda c: c.score, default=None)
        if best is None or best.score <= self._chosen.score:
            return
        if self._chosen.score:
            LOG.info("GPU backend: %s from now on", best.name)
        self._chosen = best

    def score(self) -> int:
        return self._chosen.score

    def devices(self) -> Sequence[GpuDevice] | None:
        self._look()
        return self._chosen.backend.devices()

    def functions(self) -> Sequence[VgpuFunction] | None:
        return self._chosen.backend.functions()

    def active(self) -> Sequence[ActiveVgpu] | None:
        return self._chosen.backend.active()

    def guest_drivers(self) -> Mapping[str, str] | None:
        return self._chosen.backend.guest_drivers()

    def telemetry(self, gpu_address: str, server: str) -> GpuTelemetry | None:
        return self._chosen.backend.telemetry(gpu_address, server)

    def vgpu_metadata(self, server: str) -> Sequence[bytes]:
        return self._chosen.backend.vgpu_metadata(server)

    def compatibility(
        self, metadata: bytes, gpu_address: str
    ) -> Compatibility:
        return self._chosen.backend.compatibility(metadata, gpu_address)
