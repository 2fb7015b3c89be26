# SPDX-License-Identifier: Apache-2.0
"""The archive format of an initramfs, written so that equal is identical.

Written here rather than by cpio(1), because a device node can then be put
in without root, and no time stamp or owner of the building machine gets in.
"""

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TRAILER = "TRAILER!!!"


@dataclass(frozen=True)
class Entry:
    """A file, directory or device node."""

    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def directory(path: str) -> Entry:
    """A directory that everybody may read."""
    return Entry(path, stat.S_IFDIR | 0o755)


def program(path: str, data: bytes) -> Entry:
    """A file that may be executed."""
    return Entry(path, stat.S_IFREG | 0o755, data)


def character_device(path: str, major: int, minor: int) -> Entry:
    """A device node."""
    return Entry(path, stat.S_IFCHR | 0o600, device=(major, minor))


def tree(contents: Mapping[str, bytes], *more: str) -> list[Entry]:
    """Programs, behind the directories that they and others need.

    more are directories in which nothing lies.
    """
    folders = set(more)
    for name in contents:
        folders |= {str(each) for each in Path(name).parents} - {"."}
    return [
        *[directory(name) for name in sorted(folders)],
        *[program(name, data) for name, data in contents.items()],
    ]


def archive(entries: list[Entry]) -> bytes:
    """All entries in the "newc" format, in the order given."""
    parts = [_entry(number, each) for number, each in enumerate(entries, 1)]
    return b"".join([*parts, _entry(0, Entry(TRAILER, 0))])


def _entry(number: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    fields = [number, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0]
    fields += [*entry.device, len(name), 0]
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return _padded(header + name) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
