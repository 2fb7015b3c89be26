"""Mediated devices: their parents, types and instances in sysfs."""

import re
from collections.abc import Callable
from pathlib import Path

from nova_livemig_gpu.gpu.sysfs_files import (
    children,
    number,
    physical,
    text,
)
from nova_livemig_gpu.model import VgpuType

#: Tells the VFIO devices of the vGPUs of a physical GPU, as the kernel
#: names them.
Devices = Callable[[Path, str], list[str]]

_BUS = "class/mdev_bus"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)

# NVIDIA: "num_heads=4, frl_config=60, framebuffer=8192M, ..."
_FRAMEBUFFER = re.compile(r"\bframebuffer=(\d{1,9})M\b", re.ASCII)
# i915 GVT-g: "low_gm_size: 128MB\nhigh_gm_size: 512MB\n..."
_APERTURE = re.compile(r"\bhigh_gm_size: (\d{1,9})MB\b", re.ASCII)


def parents(root: Path) -> dict[str, list[VgpuType]]:
    """Return the types of each physical parent, by its address.

    With SR-IOV the virtual functions are the parents, each for one device;
    they are gathered under their physical function.
    """
    found: dict[str, dict[str, VgpuType]] = {}
    for parent in children(root / _BUS):
        known = found.setdefault(physical(root, parent), {})
        for each in _types(root / _BUS / parent):
            before = known.get(each.type_id)
            known[each.type_id] = _larger(before, each) if before else each
    return {
        parent: list(types.values())
        for parent, types in found.items()
        if types
    }


def devices(root: Path, address: str) -> list[str]:
    """Return the UUIDs of the mediated devices of a physical parent."""
    return [
        name
        for parent in children(root / _BUS)
        if physical(root, parent) == address
        for name in children(root / _BUS / parent)
        if _UUID.fullmatch(name)
    ]


def _types(parent: Path) -> list[VgpuType]:
    folder = parent / "mdev_supported_types"
    return [_type(folder / name) for name in children(folder)]


def _type(folder: Path) -> VgpuType:
    return VgpuType(
        type_id=folder.name,
        name=text(folder / "name") or folder.name,
        framebuffer_mib=_framebuffer_mib(text(folder / "description")),
        creatable=number(folder / "available_instances"),
    )


def _framebuffer_mib(description: str | None) -> int | None:
    for pattern in (_FRAMEBUFFER, _APERTURE):
        match = pattern.search(description or "")
        if match is not None:
            return int(match[1])
    return None


def _larger(one: VgpuType, other: VgpuType) -> VgpuType:
    """Of two virtual functions' views of a type the one with more free.

    Not the sum: each function says 1 as long as the physical GPU has room
    for one more, so that the sum would promise too much.
    """
    if (other.creatable or 0) > (one.creatable or 0):
        return other
    return one
