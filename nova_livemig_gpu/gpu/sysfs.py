"""Learns of GPUs from the kernel, in /sys. Needs no driver library.

Read are (Documentation/ABI/testing/sysfs-bus-vfio-mdev,
Documentation/driver-api/vfio-mediated-device.rst and
Documentation/ABI/testing/debugfs-vfio of Linux; NVIDIA's vGPU user guide
for the files below ``nvidia/``):

- ``class/mdev_bus/<parent>/mdev_supported_types/<type>/``: parents of
  mediated devices, virtual ones such as mtty too;
- ``bus/pci/devices/<vf>/nvidia/``: vGPUs on virtual functions without mdev;
- ``bus/pci/devices/<vf>/driver``: a VFIO variant driver;
- ``kernel/debug/vfio/<device>/migration/features``.

Whatever cannot be read, or reads as nonsense, is unknown. Files may vanish
at any moment.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from nova_livemig_gpu.exception import PluginNotMine
from nova_livemig_gpu.gpu import sysfs_mdev, sysfs_vf
from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.gpu.sysfs_files import children, pci_ids, text
from nova_livemig_gpu.gpu.sysfs_migration import migratable
from nova_livemig_gpu.model import GpuDevice, VgpuKind, VgpuType

SCORE = 50


class SysfsBackend(GpuBackend):
    """Parents of mediated devices and of virtual functions.

    It cannot know :meth:`active`: the kernel does not tell which server
    has a device.

    :param root: where sysfs is mounted
    """

    def __init__(self, root: Path = Path("/sys")) -> None:
        self._root = root

    def score(self) -> int:
        if not self.devices():
            raise PluginNotMine(
                plugin="sysfs", reason="no GPU here can have vGPUs"
            )
        return SCORE

    def devices(self) -> Sequence[GpuDevice]:
        """Return the physical parents, by address."""
        mdev = sysfs_mdev.parents(self._root)
        vf = sysfs_vf.parents(self._root)
        found = [
            self._device(each, VgpuKind.MDEV, types, sysfs_mdev.devices)
            for each, types in mdev.items()
        ]
        found += [
            self._device(each, VgpuKind.VF, types, sysfs_vf.devices)
            for each, types in vf.items()
            if each not in mdev
        ]
        return sorted(found, key=lambda each: each.address)

    def _device(
        self,
        address: str,
        kind: VgpuKind,
        types: Iterable[VgpuType],
        vgpus: "sysfs_mdev.Devices",
    ) -> GpuDevice:
        pci = self._root / "bus/pci/devices" / address
        return GpuDevice(
            address=address,
            name=self._name(address),
            kind=kind,
            board=pci_ids(pci),
            driver=text(self._root / "module/nvidia/version")
            if text(pci / "vendor") == "0x10de"
            else None,
            migratable=migratable(self._root, vgpus(self._root, address)),
            types=tuple(sorted(types, key=lambda each: each.type_id)),
        )

    def _name(self, address: str) -> str:
        """The kernel has no product names: PCI IDs, or the parent's name."""
        pci = self._root / "bus/pci/devices" / address
        ids = pci_ids(pci)
        return f"PCI {ids[:9]}" if ids else address

    def is_nvidia(self, address: str) -> bool | None:
        """Is that device NVIDIA's? None: unknown."""
        vendor = text(self._root / "bus/pci/devices" / address / "vendor")
        if vendor is None:
            here = children(self._root / "class/mdev_bus")
            return False if address in here else None
        return vendor == "0x10de"

    def has_nvidia_gpu(self) -> bool:
        """Is there a GPU of NVIDIA's, with or without a driver?"""
        pci = self._root / "bus/pci/devices"
        return any(
            self.is_nvidia(each)
            and (text(pci / each / "class") or "").startswith("0x03")
            for each in children(pci)
        )
