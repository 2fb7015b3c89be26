"""Reads small files and folders of sysfs, which may vanish at any moment.

Paths are plain strings where there are many of them: a host has hundreds of
virtual functions, and pathlib takes longer than the kernel.
"""

import os
import re
from pathlib import Path

AnyPath = str | Path

#: No attribute that we read is longer (sysfs: a page each).
_MOST_BYTES = 65536

_PCI_ADDRESS = re.compile(
    r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", re.ASCII
)
_PCI_ID = re.compile(r"0x([0-9a-f]{4})", re.ASCII)


def text(path: AnyPath) -> str | None:
    """Return what a file holds, stripped; None: cannot be read, or empty."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(file, _MOST_BYTES).decode().strip() or None
        finally:
            os.close(file)
    except (OSError, ValueError):
        return None


def number(path: AnyPath) -> int | None:
    """Return the number, not negative, that a file holds."""
    return to_number(text(path))


def to_number(word: str | None) -> int | None:
    """Return a plain decimal number; None: it is none."""
    if word and word.isascii() and word.isdigit() and len(word) < 20:
        return int(word)
    return None


def children(folder: AnyPath) -> list[str]:
    """Return the sorted names in a folder; empty where there is none."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def target(link: AnyPath) -> str | None:
    """Return the last name of what a link points to."""
    try:
        return os.path.basename(os.readlink(link)) or None
    except OSError:
        return None


def is_pci_address(name: str) -> bool:
    return _PCI_ADDRESS.fullmatch(name) is not None


def pci_ids(device: Path) -> str | None:
    """Return "vendor:device:subvendor:subdevice" of a PCI device."""
    parts = []
    for name in ("vendor", "device", "subsystem_vendor", "subsystem_device"):
        match = _PCI_ID.fullmatch((text(device / name) or "").lower())
        if match is None:
            return None
        parts.append(match[1])
    return ":".join(parts)


def physical(root: Path, parent: str) -> str:
    """Return the physical function that a virtual one belongs to.

    A parent that is no virtual function is its own.
    """
    link = root / "bus/pci/devices" / parent / "physfn"
    return target(link) or parent
