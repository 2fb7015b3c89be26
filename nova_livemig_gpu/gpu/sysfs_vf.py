"""vGPUs on virtual functions, by a vendor's VFIO driver, without mdev.

NVIDIA's driver (vGPU 17 and newer on kernels without its mdev support) puts
a folder ``nvidia`` into each virtual function: ``creatable_vgpu_types`` has
lines "1132 : NVIDIA H100-80C" (some releases under the heading
"ID    : vGPU Name"), ``current_vgpu_type`` the number in use, or 0.
"""

from pathlib import Path

from nova_livemig_gpu.gpu.sysfs_files import (
    children,
    is_pci_address,
    number,
    target,
    text,
    to_number,
)
from nova_livemig_gpu.gpu.sysfs_migration import is_variant
from nova_livemig_gpu.model import VgpuType

_PCI = "bus/pci/devices"


def parents(root: Path) -> dict[str, list[VgpuType]]:
    """Return the types of each physical function, by its address."""
    found: dict[str, dict[str, VgpuType]] = {}
    for address in children(root / _PCI):
        parent = target(root / _PCI / address / "physfn")
        if parent is None or not is_pci_address(parent):
            continue
        types = _types(root / _PCI / address)
        if types is not None and _is_display(root / _PCI / parent):
            _add(found.setdefault(parent, {}), types)
    return {parent: list(types.values()) for parent, types in found.items()}


def devices(root: Path, address: str) -> list[str]:
    """Return the virtual functions of a physical one."""
    return [
        name
        for name in children(root / _PCI)
        if target(root / _PCI / name / "physfn") == address
    ]


def _is_display(device: Path) -> bool:
    """Is it a GPU (PCI class 03xxxx), and no network card with functions?"""
    return (text(device / "class") or "").lower().startswith("0x03")


def _types(vf: Path) -> list[VgpuType] | None:
    """Return what a function can become or is; None: it is not for us."""
    folder = vf / "nvidia"
    current = number(folder / "current_vgpu_type")
    if current is None:
        return [] if is_variant(target(vf / "driver")) else None
    if current:
        return [VgpuType(str(current), str(current), creatable=0)]
    listed = (text(folder / "creatable_vgpu_types") or "").splitlines()
    return [each for each in map(_type, listed) if each is not None]


def _type(line: str) -> VgpuType | None:
    word, _, name = line.partition(":")
    type_id = to_number(word.strip())
    if not type_id:  # the heading, or nonsense
        return None
    return VgpuType(str(type_id), name.strip() or str(type_id), creatable=1)


def _add(known: dict[str, VgpuType], types: list[VgpuType]) -> None:
    """Gather what the functions of a GPU say.

    A free function offers a type as long as the GPU has room for one more
    of it, so that "one more" is all that is sure. A type of which nothing
    is left is only known by the number of those in use.
    """
    for each in types:
        before = known.get(each.type_id)
        if before is None or (each.creatable or 0) > (before.creatable or 0):
            known[each.type_id] = each
