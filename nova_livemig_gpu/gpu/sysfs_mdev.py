"""Mediated devices: their parents, types and instances in sysfs."""

import re
from collections.abc import Iterable
from pathlib import Path

from nova_livemig_gpu.gpu.sysfs_files import (
    children,
    number,
    physical,
    text,
)
from nova_livemig_gpu.gpu.sysfs_room import merged
from nova_livemig_gpu.model import VgpuType

_BUS = "class/mdev_bus"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)

# NVIDIA: "num_heads=4, frl_config=60, framebuffer=8192M, ..."
_FRAMEBUFFER = re.compile(r"\bframebuffer=(\d{1,9})M\b", re.ASCII)
# i915 GVT-g: "low_gm_size: 128MB\nhigh_gm_size: 512MB\n..."
_APERTURE = re.compile(r"\bhigh_gm_size: (\d{1,9})MB\b", re.ASCII)


def parents(root: Path) -> dict[str, list[str]]:
    """Return each physical parent with the functions that make devices.

    With SR-IOV the virtual functions do, each for one device; else it is
    the parent itself.
    """
    found: dict[str, list[str]] = {}
    for parent in children(root / _BUS):
        found.setdefault(physical(root, parent), []).append(parent)
    return found


def types(root: Path, functions: Iterable[str]) -> list[VgpuType]:
    """Return the types of the devices that these functions can make."""
    return merged(
        each
        for function in functions
        for each in _types(root / _BUS / function)
    )


def devices(root: Path, functions: Iterable[str]) -> list[str]:
    """Return the UUIDs of the mediated devices that these have made."""
    return [
        name
        for function in functions
        for name in children(root / _BUS / function)
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
