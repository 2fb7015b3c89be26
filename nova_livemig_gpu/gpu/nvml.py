"""Learns of NVIDIA's GPUs from NVML; the only module that imports pynvml.

NVML is opened for each round of questions and closed after it: whoever
keeps it open keeps the driver from being reset or replaced.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from nova_livemig_gpu.exception import PluginNotMine
from nova_livemig_gpu.gpu import nvml_metadata, nvml_telemetry, nvml_verdict
from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.gpu.nvml_ask import Ask, GpuGone
from nova_livemig_gpu.gpu.nvml_calls import NvmlCalls
from nova_livemig_gpu.gpu.nvml_gpu import GpuReader
from nova_livemig_gpu.gpu.once import Once
from nova_livemig_gpu.gpu.sysfs import Parent, SysfsBackend
from nova_livemig_gpu.model import (
    ActiveVgpu,
    Compatibility,
    GpuDevice,
    GpuTelemetry,
    VgpuFunction,
)

T = TypeVar("T")

SCORE = 100
#: Of a host whose NVML does not work yet: it is asked again and again.
WAITING = 60


class NoNvml(Exception):
    """NVML cannot be used now.

    :ivar expected: nothing says that it should be usable here
    :ivar later: it may become usable: library and GPU are there
    """

    def __init__(
        self, reason: str, expected: bool = False, later: bool = False
    ) -> None:
        super().__init__(reason)
        self.expected = expected
        self.later = later


@dataclass(frozen=True)
class _Session:
    """NVML, opened."""

    pynvml: Any
    calls: NvmlCalls
    ask: Ask


class NvmlBackend(GpuBackend):
    """NVIDIA's GPUs, from NVML; what it does not tell, from the kernel.

    NVML knows nothing of a kernel's VFIO drivers, and numbers types without
    the prefix that they have as mediated devices. GPUs of others, and
    parents that are no GPUs, are taken over from the kernel.
    """

    def __init__(self, kernel: SysfsBackend | None = None) -> None:
        self._kernel = kernel or SysfsBackend()
        self._once = Once()

    def score(self) -> int:
        try:
            with self._open() as session:
                count: int = session.pynvml.nvmlDeviceGetCount()
        except NoNvml as exc:
            if not exc.expected:
                self._unusable(exc)
            if exc.later:
                return WAITING
            raise PluginNotMine(plugin="nvml", reason=str(exc)) from exc
        if count == 0:
            raise PluginNotMine(plugin="nvml", reason="NVML knows no GPU")
        return SCORE

    def devices(self) -> Sequence[GpuDevice] | None:
        parents = self._kernel.parents()
        found = self._each_gpu(parents, GpuReader.device)
        if found is None:
            # nova-compute in a container may have the library and no device:
            # what the kernel tells is still so.
            return self._kernel.devices() if parents else None
        others = [
            self._kernel.device(each)
            for each in parents
            # an NVIDIA GPU that NVML does not show is lost
            if not self._kernel.is_nvidia(each.address)
        ]
        return sorted(found + others, key=lambda each: each.address)

    def functions(self) -> Sequence[VgpuFunction]:
        """NVML knows a vGPU only while its server runs; the kernel knows
        the type that a function has."""
        return self._kernel.functions()

    def active(self) -> Sequence[ActiveVgpu] | None:
        """Return the vGPUs in use that NVML knows of."""
        found = self._each_gpu(self._kernel.parents(), GpuReader.active)
        if found is None:
            return None
        return [each for of_gpu in found for each in of_gpu]

    def guest_drivers(self) -> Mapping[str, str] | None:
        """Return those that NVML has been told by the guest."""
        found = self._each_gpu((), GpuReader.guest_drivers)
        if found is None:
            return None
        return {
            server: driver
            for of_gpu in found
            for server, driver in of_gpu.items()
        }

    def vgpu_metadata(self, server: str) -> Sequence[bytes]:
        found = self._each_gpu(
            (), lambda reader, handle: reader.metadata(handle, server)
        )
        every = [each for of_gpu in found or () for each in of_gpu]
        whole = [each for each in every if each is not None]
        return whole if len(whole) == len(every) else ()

    def telemetry(self, gpu_address: str, server: str) -> GpuTelemetry | None:
        with contextlib.suppress(NoNvml, GpuGone), self._open() as session:
            return nvml_telemetry.read(
                session.pynvml,
                session.calls,
                session.ask,
                _handle(session, gpu_address),
                server,
            )
        return None

    def compatibility(
        self, metadata: bytes, gpu_address: str
    ) -> Compatibility:
        vgpu = nvml_metadata.vgpu(metadata)
        if vgpu is None:
            return nvml_verdict.unknown("The vGPU's metadata are not readable")
        try:
            with self._open() as session:
                bits = _verdict(session, metadata, gpu_address)
        except NoNvml as exc:
            return nvml_verdict.unknown(f"NVML cannot be asked: {exc}")
        return nvml_verdict.decide(*bits, vgpu)

    def pgpu_metadata(self, gpu_address: str) -> bytes | None:
        """Return the raw NVML metadata of a GPU; None: unknown."""
        with contextlib.suppress(NoNvml), self._open() as session:
            return session.calls.pgpu_metadata(_handle(session, gpu_address))
        return None

    @contextlib.contextmanager
    def _open(self) -> Iterator[_Session]:
        """:raises NoNvml: it cannot be opened, or failed within"""
        try:
            import pynvml
        except ImportError as exc:
            raise NoNvml(
                "nvidia-ml-py is not installed", self._no_card()
            ) from exc
        try:
            pynvml.nvmlInit()
            try:
                ask = Ask(pynvml, self._once)
                yield _Session(pynvml, NvmlCalls(pynvml), ask)
            finally:
                with contextlib.suppress(pynvml.NVMLError):
                    pynvml.nvmlShutdown()
        except pynvml.NVMLError as exc:
            raise self._no_nvml(pynvml, exc) from exc

    def _no_nvml(self, pynvml: Any, error: Any) -> NoNvml:
        code = error.value
        if code == pynvml.NVML_ERROR_LIBRARY_NOT_FOUND:
            return NoNvml(str(error), self._no_card())
        later = not self._no_card()
        if code == pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH:
            return NoNvml(f"{error}; restart nova-compute", later=later)
        return NoNvml(str(error), later=later)

    def _no_card(self) -> bool:
        return not self._kernel.has_nvidia_gpu()

    def _each_gpu(
        self,
        parents: Sequence[Parent],
        read: Callable[[GpuReader, Any], T],
    ) -> list[T] | None:
        """Return what ``read`` tells of each GPU that answers."""
        try:
            with self._open() as session:
                reader = GpuReader(
                    session.pynvml,
                    session.calls,
                    session.ask,
                    self._kernel,
                    parents,
                )
                count = session.pynvml.nvmlDeviceGetCount()
                told = [
                    self._one_gpu(session, reader, index, read)
                    for index in range(count)
                ]
        except NoNvml as exc:
            self._unusable(exc)
            return None
        self._once.over("nvml", "NVML answers again")
        return [each for found in told for each in found]

    def _one_gpu(
        self,
        session: _Session,
        reader: GpuReader,
        index: int,
        read: Callable[[GpuReader, Any], T],
    ) -> list[T]:
        try:
            handle = session.ask(
                f"GPU {index}",
                session.pynvml.nvmlDeviceGetHandleByIndex,
                index,
            )
            found = [] if handle is None else [read(reader, handle)]
        except GpuGone as exc:
            self._once.warn(
                f"gpu {index}", f"NVML: GPU {index} is left out: {exc}"
            )
            return []
        self._once.over(f"gpu {index}", f"NVML: GPU {index} answers again")
        return found

    def _unusable(self, why: NoNvml) -> None:
        self._once.warn(
            "nvml", f"NVML cannot be used, what it tells is unknown: {why}"
        )


def _handle(session: _Session, address: str) -> Any:
    return session.pynvml.nvmlDeviceGetHandleByPciBusId(address)


def _verdict(
    session: _Session, metadata: bytes, gpu_address: str
) -> tuple[int, int]:
    pgpu = session.calls.pgpu_metadata(_handle(session, gpu_address))
    return session.calls.compatibility(metadata, pgpu)
