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

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nova_livemig_gpu.exception import PluginNotMine
from nova_livemig_gpu.gpu import sysfs_mdev, sysfs_vf
from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.gpu.sysfs_files import children, pci_ids, target, text
from nova_livemig_gpu.gpu.sysfs_migration import migratable
from nova_livemig_gpu.model import GpuDevice, VgpuFunction, VgpuKind

SCORE = 50

_NVIDIA = "0x10de"


@dataclass(frozen=True)
class Parent:
    """A physical parent of vGPUs.

    :ivar functions: what in the kernel makes its vGPUs: itself, or its
        virtual functions
    """

    address: str
    kind: VgpuKind
    functions: tuple[str, ...]


class SysfsBackend(GpuBackend):
    """Parents of mediated devices and of virtual functions.

    It cannot know :meth:`active`: the kernel does not tell which server
    has a device.

    :param root: where sysfs is mounted
    """

    def __init__(self, root: Path = Path("/sys")) -> None:
        self._root = root
        self._pci = root / "bus/pci/devices"

    def score(self) -> int:
        if not self.parents():
            raise PluginNotMine(
                plugin="sysfs", reason="no GPU here can have vGPUs"
            )
        return SCORE

    def devices(self) -> Sequence[GpuDevice]:
        return [self.device(each) for each in self.parents()]

    def functions(self) -> Sequence[VgpuFunction]:
        return [
            VgpuFunction(address, gpu, type_id)
            for gpu, functions in sysfs_vf.parents(self._root).items()
            for address, type_id in sysfs_vf.typed(self._root, functions)
        ]

    def parents(self) -> list[Parent]:
        """Return the physical parents by address, without a look at them."""
        found = {
            address: Parent(address, VgpuKind.VF, tuple(functions))
            for address, functions in sysfs_vf.parents(self._root).items()
        }
        for address, functions in sysfs_mdev.parents(self._root).items():
            found[address] = Parent(address, VgpuKind.MDEV, tuple(functions))
        return [found[address] for address in sorted(found)]

    def device(self, parent: Parent) -> GpuDevice:
        """Return all that the kernel tells of a parent."""
        kernel = sysfs_mdev if parent.kind is VgpuKind.MDEV else sysfs_vf
        types = kernel.types(self._root, parent.functions)
        ids = pci_ids(self._pci / parent.address)
        return GpuDevice(
            address=parent.address,
            # the kernel has no product names
            name=f"PCI {ids[:9]}" if ids else parent.address,
            kind=parent.kind,
            pci_ids=ids,
            driver=text(self._root / "module/nvidia/version")
            if self.is_nvidia(parent.address)
            else None,
            migratable=self.migratable(parent),
            types=tuple(sorted(types, key=lambda each: each.type_id)),
        )

    def migratable(self, parent: Parent) -> bool | None:
        """Can the kernel migrate a parent's vGPUs? None: unknown."""
        kernel = sysfs_mdev if parent.kind is VgpuKind.MDEV else sysfs_vf
        return migratable(
            self._root, kernel.devices(self._root, parent.functions)
        )

    def is_nvidia(self, address: str) -> bool:
        return text(self._pci / address / "vendor") == _NVIDIA

    def has_nvidia_gpu(self) -> bool:
        """Is there a GPU of NVIDIA's, with its driver or without?

        One that is given to a server as a whole (vfio-pci) does not count.
        """
        return any(
            self.is_nvidia(each)
            and (text(self._pci / each / "class") or "").startswith("0x03")
            and target(self._pci / each / "driver") != "vfio-pci"
            for each in children(self._pci)
        )
