"""Reads the facts of a physical GPU from NVML."""

from collections.abc import Iterable
from typing import Any

from nova_livemig_gpu.gpu import nvml_metadata, sysfs_room
from nova_livemig_gpu.gpu.nvml_ask import Ask, GpuGone
from nova_livemig_gpu.gpu.nvml_calls import NvmlCalls
from nova_livemig_gpu.gpu.nvml_vgpu import VgpuReader
from nova_livemig_gpu.gpu.sysfs import Parent, SysfsBackend
from nova_livemig_gpu.model import ActiveVgpu, GpuDevice, VgpuKind, VgpuType

_MIB = 1 << 20


class GpuReader:
    """Reads GPUs within one session with NVML.

    :param pynvml: the module
    :param kernel: the kernel's view
    :param parents: what the kernel knows as parents of vGPUs
    """

    def __init__(
        self,
        pynvml: Any,
        calls: NvmlCalls,
        ask: Ask,
        kernel: SysfsBackend,
        parents: Iterable[Parent],
    ) -> None:
        self._nvml = pynvml
        self._calls = calls
        self._ask = ask
        self._kernel = kernel
        self._parents = {each.address: each for each in parents}
        self._vgpus = VgpuReader(pynvml, calls, ask)
        self._driver = ask("driver version", pynvml.nvmlSystemGetDriverVersion)

    def device(self, handle: Any) -> GpuDevice:
        """Return what is known of a GPU.

        :raises GpuGone: the GPU does not answer
        """
        ask, nvml = self._ask, self._nvml
        pci = self._pci(handle)
        address = _address(pci)
        parent = self._parents.get(address)
        mode = self._mode(handle)
        kind = self._kind(address, mode)
        types = self._types(handle, kind, parent)
        manager = self._manager(handle)
        return GpuDevice(
            address=address,
            name=ask("name", nvml.nvmlDeviceGetName, handle) or "unknown",
            kind=kind if types or parent else None,
            board=self._board(handle),
            pci_ids=_pci_ids(pci),
            memory_mib=self._memory_mib(handle),
            driver=self._driver,
            vgpu_manager=manager.host_driver if manager else None,
            ecc=_is_on(ask("ECC mode", nvml.nvmlDeviceGetEccMode, handle)),
            mig=_is_on(ask("MIG mode", nvml.nvmlDeviceGetMigMode, handle)),
            vgpu_mode=mode,
            streaming=_is_on([self._capability(handle, "DEVICE_STREAMING")]),
            read_mb_s=self._capability(handle, "READ_DEVICE_BUFFER_BW"),
            write_mb_s=self._capability(handle, "WRITE_DEVICE_BUFFER_BW"),
            migratable=self._migratable(parent, manager),
            types=types,
        )

    def active(self, handle: Any) -> list[ActiveVgpu]:
        """Return the vGPUs in use on a GPU.

        :raises GpuGone: the GPU does not answer
        """
        address = _address(self._pci(handle))
        kind = self._kind(address, self._mode(handle))
        return self._vgpus.active(handle, address, kind)

    def guest_drivers(self, handle: Any) -> dict[str, str]:
        """Return the driver in each server with a vGPU of this GPU.

        :raises GpuGone: the GPU does not answer
        """
        return self._vgpus.guest_drivers(handle)

    def metadata(self, handle: Any, server: str) -> list[bytes | None]:
        """Return the metadata of a server's vGPUs; None: not readable.

        :raises GpuGone: the GPU does not answer
        """
        return self._vgpus.metadata(handle, server)

    def _pci(self, handle: Any) -> Any:
        pci = self._ask("PCI address", self._nvml.nvmlDeviceGetPciInfo, handle)
        if pci is None:
            raise GpuGone("its PCI address cannot be read")
        return pci

    def _board(self, handle: Any) -> str | None:
        number: str | None = self._ask(
            "board part number",
            self._nvml.nvmlDeviceGetBoardPartNumber,
            handle,
        )
        return (number or "").strip() or None

    def _mode(self, handle: Any) -> str | None:
        nvml = self._nvml
        mode = self._ask(
            "host vGPU mode", nvml.nvmlDeviceGetHostVgpuMode, handle
        )
        return {
            nvml.NVML_HOST_VGPU_MODE_SRIOV: "sriov",
            nvml.NVML_HOST_VGPU_MODE_NON_SRIOV: "non_sriov",
        }.get(mode)

    def _kind(self, address: str, mode: str | None) -> VgpuKind:
        """The kernel tells. If not: without SR-IOV all vGPUs are mdevs, and
        a driver too old to know a mode knows only mdevs."""
        parent = self._parents.get(address)
        if parent is not None:
            return parent.kind
        return VgpuKind.VF if mode == "sriov" else VgpuKind.MDEV

    def _capability(self, handle: Any, name: str) -> int | None:
        number = getattr(self._nvml, f"NVML_DEVICE_VGPU_CAP_{name}", None)
        if number is None:  # an old pynvml
            return None
        return self._ask(
            f"vGPU capability {name}",
            self._nvml.nvmlDeviceGetVgpuCapabilities,
            handle,
            number,
        )

    def _memory_mib(self, handle: Any) -> int | None:
        memory = self._ask(
            "memory", self._nvml.nvmlDeviceGetMemoryInfo, handle
        )
        return int(memory.total) // _MIB if memory else None

    def _types(
        self, handle: Any, kind: VgpuKind, parent: Parent | None
    ) -> tuple[VgpuType, ...]:
        types = self._vgpus.types(handle, kind)
        if parent is None:
            return types
        of_kernel = self._kernel.device(parent).types
        return sysfs_room.decided(types, of_kernel) if types else of_kernel

    def _migratable(
        self,
        parent: Parent | None,
        manager: nvml_metadata.PgpuMetadata | None,
    ) -> bool | None:
        """Both must be able to; where one is silent, the other decides."""
        kernel = self._kernel.migratable(parent) if parent else None
        told = {kernel, manager.migratable if manager else None} - {None}
        return told == {True} if told else None

    def _manager(self, handle: Any) -> nvml_metadata.PgpuMetadata | None:
        """The vGPU manager's side of the driver: it alone has metadata."""
        raw = self._ask("pGPU metadata", self._calls.pgpu_metadata, handle)
        return nvml_metadata.pgpu(raw) if raw else None


def _address(pci: Any) -> str:
    return f"{pci.domain:04x}:{pci.bus:02x}:{pci.device:02x}.0"


def _pci_ids(pci: Any) -> str | None:
    """nvml.h nvmlPciInfo_t: the device in the upper half, vendor in the
    lower."""
    ids = (pci.pciDeviceId, pci.pciSubSystemId)
    if not all(ids):
        return None
    return ":".join(f"{i & 0xFFFF:04x}:{i >> 16:04x}" for i in ids)


def _is_on(modes: Any) -> bool | None:
    """Of (current, pending) the current one."""
    return None if not modes or modes[0] is None else bool(modes[0])
