"""Whether the kernel can migrate a VFIO device.

With CONFIG_VFIO_DEBUGFS there is a folder for each VFIO device in use, and
in it one called ``migration`` where its driver can migrate, since Linux
6.18 with a list of ``features`` (drivers/vfio/debugfs.c). Without it some
drivers are known by their name.
"""

from collections.abc import Iterable
from pathlib import Path

from nova_livemig_gpu.gpu.sysfs_files import children, target, text

_DEBUG = "kernel/debug/vfio"

#: VFIO variant drivers with migration, below drivers/vfio/pci and
#: drivers/gpu/drm/xe in Linux. NVIDIA's own are not in Linux, and what they
#: can do depends on their version: the kernel does not tell.
_CAN = frozenset(
    {
        "hisi_acc_vfio_pci",
        "mlx5_vfio_pci",
        "pds_vfio_pci",
        "qat_vfio_pci",
        "virtio_vfio_pci",
        "xe_vfio_pci",
    }
)
#: Those without: the plain driver, and NVIDIA Grace's GPU memory.
_CANNOT = frozenset({"vfio_pci", "nvgrace_gpu_vfio_pci"})


def migratable(root: Path, devices: Iterable[str]) -> bool | None:
    """Can these VFIO devices be migrated? None: unknown, or some can.

    One that cannot says nothing of the next: what is set for a server's
    vGPU, such as unified memory, can keep that one where it is.

    :param devices: names in the kernel: the UUID of a mediated device, the
        PCI address of a virtual function
    """
    debugged = frozenset(children(root / _DEBUG))  # empty: not allowed
    told = {
        _told(root / _DEBUG / each)
        if each in debugged
        else _by_driver(f"{root}/bus/pci/devices/{each}/driver")
        for each in devices
    } - {None}
    return told.pop() if len(told) == 1 else None


def is_variant(driver: str | None) -> bool:
    """Is that the name of a VFIO variant driver with vGPUs to give?"""
    return driver is not None and _plain(driver) in _CAN


def _by_driver(link: str) -> bool | None:
    driver = target(link)
    if driver is None:
        return None
    if _plain(driver) in _CAN:
        return True
    return False if _plain(driver) in _CANNOT else None


def _told(debug: Path) -> bool:
    if "migration" not in children(debug):
        return False
    if "features" not in children(debug / "migration"):
        return True
    features = text(debug / "migration/features")
    return features is not None and "stop-copy" in features.split()


def _plain(driver: str) -> str:
    return driver.replace("-", "_")
