"""vGPUs on virtual functions, by a vendor's VFIO driver, without mdev.

NVIDIA's driver (vGPU 17 and newer on kernels without its mdev support) puts
a folder ``nvidia`` into each virtual function: ``creatable_vgpu_types`` has
lines "1132 : NVIDIA H100-80C" (some releases under the heading
"ID    : vGPU Name"), ``current_vgpu_type`` the number in use, or 0.
"""

from collections.abc import Iterable, Iterator
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
from nova_livemig_gpu.gpu.sysfs_room import merged
from nova_livemig_gpu.model import VgpuType

_PCI = "bus/pci/devices"
_CURRENT = "nvidia/current_vgpu_type"


def parents(root: Path) -> dict[str, list[str]]:
    """Return each physical GPU with its virtual functions for vGPUs."""
    found: dict[str, list[str]] = {}
    gpus: dict[str, bool] = {}
    for address in children(root / _PCI):
        parent = target(f"{root}/{_PCI}/{address}/physfn")
        if parent is None or not is_pci_address(parent):
            continue
        if parent not in gpus:
            gpus[parent] = _is_display(root / _PCI / parent)
        if gpus[parent] and _is_ours(f"{root}/{_PCI}/{address}"):
            found.setdefault(parent, []).append(address)
    return found


def types(root: Path, functions: Iterable[str]) -> list[VgpuType]:
    """Return what these virtual functions can become, or are.

    A free function offers a type as long as the GPU has room for one more
    of it. A type of which no more can be made is only known by the number
    that stands in those functions that have it, see :func:`typed`.
    """
    return merged(
        each
        for function in functions
        for each in _types(root / _PCI / function)
    )


def typed(root: Path, functions: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the functions that are a vGPU, with the number of its type.

    An operator or the driver has written the type; whether a server has the
    function the kernel does not tell.
    """
    for function in functions:
        current = number(f"{root}/{_PCI}/{function}/{_CURRENT}")
        if current:
            yield function, str(current)


def devices(root: Path, functions: Iterable[str]) -> list[str]:
    """Return the VFIO devices: the functions themselves."""
    return list(functions)


def _is_display(device: Path) -> bool:
    """Is it a GPU (PCI class 03xxxx), and no network card with functions?"""
    return (text(device / "class") or "").lower().startswith("0x03")


def _is_ours(vf: str) -> bool:
    current = number(f"{vf}/{_CURRENT}")
    return current is not None or is_variant(target(f"{vf}/driver"))


def _types(vf: Path) -> list[VgpuType]:
    current = number(vf / _CURRENT)
    if current:
        return [VgpuType(str(current), str(current), creatable=0)]
    listed = (text(vf / "nvidia/creatable_vgpu_types") or "").splitlines()
    return [each for each in map(_type, listed) if each is not None]


def _type(line: str) -> VgpuType | None:
    word, _, name = line.partition(":")
    type_id = to_number(word.strip())
    if not type_id:  # the heading, or nonsense
        return None
    return VgpuType(str(type_id), name.strip() or str(type_id), creatable=1)
