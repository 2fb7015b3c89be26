"""The calls of NVML that its Python binding makes wrongly, made rightly.

nvidia-ml-py 13 gives a 32 bit integer where C writes 64 bits
(``nvmlVgpuInstanceGetFbUsage``), claims more buffer than it has
(``nvmlVgpuInstanceGetVmID``), has a fixed size for metadata whose size NVML
tells, and cuts them at the first NUL. Those calls go to the library that
pynvml has loaded, through functions of our own (``CDLL.__getitem__`` makes
a new one each time), so that pynvml's own are not touched. Signatures are
those of nvml.h.
"""

from collections.abc import Callable
from ctypes import (
    POINTER,
    Structure,
    byref,
    c_char_p,
    c_uint,
    c_ulonglong,
    c_void_p,
    create_string_buffer,
)
from typing import Any

#: nvml.h NVML_DEVICE_UUID_BUFFER_SIZE, which a VM ID fits into
_VM_ID_BYTES = 80
#: nvml.h nvmlVgpuVmIdType_t
VM_ID_UUID = 1

#: Between asking for a size and using it things may have grown.
_TRIES = 8

_Function = Callable[..., int]


class _Compatibility(Structure):
    """nvml.h nvmlVgpuPgpuCompatibility_t."""

    _fields_ = [("vm", c_uint), ("limit", c_uint)]


class NvmlCalls:
    """Calls of NVML; each raises pynvml's ``NVMLError``.

    :param pynvml: the module, after its ``nvmlInit``
    """

    def __init__(self, pynvml: Any) -> None:
        self._pynvml = pynvml
        self._functions: dict[str, _Function] = {}

    def supported_types(self, device: Any) -> list[int]:
        """Return the vGPU type IDs that a GPU supports."""
        return self._ids("nvmlDeviceGetSupportedVgpus", device)

    def creatable_types(self, device: Any) -> list[int]:
        """Return the vGPU type IDs of which one more can be created."""
        return self._ids("nvmlDeviceGetCreatableVgpus", device)

    def active_vgpus(self, device: Any) -> list[int]:
        """Return the vGPU instances of a GPU."""
        return self._ids("nvmlDeviceGetActiveVgpus", device)

    def vm_id(self, instance: int) -> tuple[str, int]:
        """Return the ID of the server that has a vGPU, and its type."""
        function = self._function(
            "nvmlVgpuInstanceGetVmID",
            (c_uint, c_char_p, c_uint, POINTER(c_uint)),
        )
        text = create_string_buffer(_VM_ID_BYTES)
        kind = c_uint()
        self._check(function(instance, text, _VM_ID_BYTES, byref(kind)))
        return text.value.decode(), kind.value

    def framebuffer_used_bytes(self, instance: int) -> int:
        function = self._function(
            "nvmlVgpuInstanceGetFbUsage", (c_uint, POINTER(c_ulonglong))
        )
        used = c_ulonglong()
        self._check(function(instance, byref(used)))
        return used.value

    def vgpu_metadata(self, instance: int) -> bytes:
        """Return the raw nvmlVgpuMetadata_t of a running vGPU."""
        return self._blob("nvmlVgpuInstanceGetMetadata", c_uint, instance)

    def pgpu_metadata(self, device: Any) -> bytes:
        """Return the raw nvmlVgpuPgpuMetadata_t of a physical GPU."""
        return self._blob("nvmlDeviceGetVgpuMetadata", c_void_p, device)

    def compatibility(self, vgpu: bytes, pgpu: bytes) -> tuple[int, int]:
        """Return the bits of VM states and of limits.

        :param vgpu: valid metadata: the library trusts the sizes in them
        """
        function = self._function(
            "nvmlGetVgpuCompatibility",
            (c_char_p, c_char_p, POINTER(_Compatibility)),
        )
        verdict = _Compatibility()
        self._check(
            function(
                create_string_buffer(vgpu, len(vgpu)),
                create_string_buffer(pgpu, len(pgpu)),
                byref(verdict),
            )
        )
        return verdict.vm, verdict.limit

    def _ids(self, name: str, device: Any) -> list[int]:
        function = self._function(name, (c_void_p, POINTER(c_uint), c_void_p))
        ids = (c_uint * 0)()
        for _ in range(_TRIES):
            count = c_uint(len(ids))
            code = function(device, byref(count), ids if ids else None)
            if code != self._pynvml.NVML_ERROR_INSUFFICIENT_SIZE:
                self._check(code)
                return list(ids[: count.value])
            ids = (c_uint * count.value)()
        raise self._pynvml.NVMLError(code)

    def _blob(self, name: str, argument: Any, of: Any) -> bytes:
        function = self._function(name, (argument, c_char_p, POINTER(c_uint)))
        size = c_uint(0)
        for _ in range(_TRIES):
            # never a null buffer, whatever its size
            buffer = create_string_buffer(max(size.value, 64))
            code = function(of, buffer, byref(size))
            if code != self._pynvml.NVML_ERROR_INSUFFICIENT_SIZE:
                self._check(code)
                return buffer.raw[: size.value]
        raise self._pynvml.NVMLError(code)

    def _function(self, name: str, arguments: tuple[Any, ...]) -> _Function:
        function = self._functions.get(name)
        if function is None:
            function = self._find(name, arguments)
            self._functions[name] = function
        return function

    def _find(self, name: str, arguments: tuple[Any, ...]) -> _Function:
        try:
            found = self._pynvml.nvmlLib[name]
        except AttributeError:
            code = self._pynvml.NVML_ERROR_FUNCTION_NOT_FOUND
            raise self._pynvml.NVMLError(code) from None
        found.argtypes = arguments
        found.restype = c_uint
        function: _Function = found
        return function

    def _check(self, code: int) -> None:
        if code != self._pynvml.NVML_SUCCESS:
            raise self._pynvml.NVMLError(code)
