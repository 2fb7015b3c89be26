"""Reads the vGPU types and the vGPUs of a GPU from NVML."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from nova_livemig_gpu.gpu import nvml_metadata
from nova_livemig_gpu.gpu.nvml_ask import Ask, VgpuGone
from nova_livemig_gpu.gpu.nvml_calls import VM_ID_UUID, NvmlCalls
from nova_livemig_gpu.model import ActiveVgpu, VgpuKind, VgpuType

_MIB = 1 << 20


class VgpuReader:
    """Reads vGPUs within one session with NVML.

    Its methods raise ``GpuGone`` where the GPU does not answer.

    :param pynvml: the module
    """

    def __init__(self, pynvml: Any, calls: NvmlCalls, ask: Ask) -> None:
        self._nvml = pynvml
        self._calls = calls
        self._ask = ask
        # names and sizes belong to the type, the same on every GPU
        self._known: dict[int, tuple[str, int | None]] = {}

    def types(self, handle: Any, kind: VgpuKind) -> tuple[VgpuType, ...]:
        """Return the types that a GPU supports, by number."""
        ask, calls = self._ask, self._calls
        supported = ask("supported types", calls.supported_types, handle)
        if not supported:
            return ()
        creatable = ask("creatable types", calls.creatable_types, handle)
        in_use_mib = self._in_use_mib(handle)
        return tuple(
            self._with_room(
                VgpuType(_type_id(number, kind), *self._type(number)),
                handle,
                number,
                creatable,
                in_use_mib,
            )
            for number in sorted(supported)
        )

    def _with_room(
        self,
        empty: VgpuType,
        handle: Any,
        number: int,
        creatable: Sequence[int] | None,
        in_use_mib: int,
    ) -> VgpuType:
        if creatable is None:
            return empty
        if number not in creatable:
            return replace(empty, creatable=0)
        room = self._room(handle, number, in_use_mib)
        return replace(empty, creatable=room or 1, or_more=room is None)

    def active(
        self, handle: Any, address: str, kind: VgpuKind
    ) -> list[ActiveVgpu]:
        """Return the vGPUs in use on a GPU."""
        found = []
        for instance, server in self._servers(handle):
            try:
                found.append(self._active(instance, server, address, kind))
            except VgpuGone:
                continue
        return found

    def guest_drivers(self, handle: Any) -> dict[str, str]:
        """Return the driver in each server, where NVML has been told it."""
        found = {}
        for instance, server in self._servers(handle):
            try:
                raw = self._ask.vgpu(
                    "vGPU metadata", self._calls.vgpu_metadata, instance
                )
            except VgpuGone:
                continue
            metadata = nvml_metadata.vgpu(raw) if raw else None
            if metadata is not None and metadata.guest_driver is not None:
                found[server] = metadata.guest_driver
        return found

    def metadata(self, handle: Any, server: str) -> list[bytes | None]:
        """Return the metadata of a server's vGPUs; None: not readable."""
        return [
            self._ask("vGPU metadata", self._calls.vgpu_metadata, instance)
            for instance in self.instances_of(handle, server)
        ]

    def instances_of(self, handle: Any, server: str) -> list[int]:
        """Return NVML's numbers of a server's vGPUs on a GPU."""
        return [
            instance
            for instance, owner in self._servers(handle)
            if owner == server.lower()
        ]

    def _active(
        self, instance: int, server: str, address: str, kind: VgpuKind
    ) -> ActiveVgpu:
        vgpu, calls = self._ask.vgpu, self._calls
        number = vgpu(
            "vGPU type", self._nvml.nvmlVgpuInstanceGetType, instance
        )
        return ActiveVgpu(
            server=server,
            gpu=address,
            type_id=_type_id(number, kind) if number is not None else "",
            framebuffer_used_bytes=vgpu(
                "framebuffer used", calls.framebuffer_used_bytes, instance
            ),
        )

    def _servers(self, handle: Any) -> Iterator[tuple[int, str]]:
        """Yield each vGPU with the UUID of its server, where it has one.

        A vGPU between its creation and the start of its server has none.
        """
        for instance in self._instances(handle):
            try:
                told = self._ask.vgpu("VM ID", self._calls.vm_id, instance)
            except VgpuGone:
                continue
            if told and told[1] == VM_ID_UUID and _is_uuid(told[0]):
                yield instance, told[0].lower()

    def _instances(self, handle: Any) -> list[int]:
        told = self._ask("active vGPUs", self._calls.active_vgpus, handle)
        return told or []

    def _type(self, number: int) -> tuple[str, int | None]:
        """Return name and framebuffer in MiB."""
        if number not in self._known:
            ask, nvml = self._ask, self._nvml
            size = ask(
                "type's framebuffer",
                nvml.nvmlVgpuTypeGetFramebufferSize,
                number,
            )
            self._known[number] = (
                ask("type's name", nvml.nvmlVgpuTypeGetName, number)
                or str(number),
                size // _MIB if size is not None else None,
            )
        return self._known[number]

    def _in_use_mib(self, handle: Any) -> int:
        """Framebuffer that the vGPUs in use have taken from a GPU."""
        total = 0
        for instance in self._instances(handle):
            try:
                number = self._ask.vgpu(
                    "vGPU type", self._nvml.nvmlVgpuInstanceGetType, instance
                )
            except VgpuGone:
                continue
            if number is not None:
                total += self._type(number)[1] or 0
        return total

    def _room(self, handle: Any, number: int, in_use_mib: int) -> int | None:
        """How many more of a creatable type there is room for; None: one at
        least.

        NVML tells that there is room for one, and how many an empty GPU
        takes; what the vGPUs in use have taken is counted in framebuffer.
        """
        most: int | None = self._ask(
            "type's most instances",
            self._nvml.nvmlVgpuTypeGetMaxInstances,
            handle,
            number,
        )
        size_mib = self._type(number)[1]
        if most is None or not size_mib:
            return None
        return max(1, (most * size_mib - in_use_mib) // size_mib)


def _type_id(number: int, kind: VgpuKind) -> str:
    """As the kernel writes it, see :class:`VgpuType`."""
    return f"nvidia-{number}" if kind is VgpuKind.MDEV else str(number)


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
