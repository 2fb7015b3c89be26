# SPDX-License-Identifier: Apache-2.0
"""Find the processes that live in a lab host, whatever became of its files.

A host's processes share its network namespace, which has a name under
/run/netns, and its mount namespace, which has none: there a small tmpfs
serves as the mark. Either is enough to find a process, so a half-finished
`down` can be finished, and nobody else's process is ever taken for ours.
"""

import os
from pathlib import Path

from livelab.process import Process, look

PREFIX = "livemig-"
NETNS = Path("/run/netns")


def members(name: str) -> list[Process]:
    """The processes in the namespaces of one host, but never this one."""
    found = []
    marked: dict[str, bool] = {}
    network = _identity(NETNS / name)
    for pid in _pids():
        if pid == os.getpid():
            continue
        if _in_network(pid, network) or _in_mounts(pid, name, marked):
            process = look(pid)
            if process is not None:
                found.append(process)
    return found


def _pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _in_network(pid: int, network: tuple[int, int] | None) -> bool:
    here = _identity(Path(f"/proc/{pid}/ns/net"))
    return network is not None and here == network


def _in_mounts(pid: int, name: str, marked: dict[str, bool]) -> bool:
    """marked remembers the answer: many processes share few namespaces."""
    try:
        namespace = os.readlink(f"/proc/{pid}/ns/mnt")
        if namespace not in marked:
            marked[namespace] = is_marked(pid, name)
    except OSError:
        return False
    return marked[namespace]


def is_marked(pid: int, name: str) -> bool:
    """Whether the mark of this host is mounted where this process lives."""
    text = Path(f"/proc/{pid}/mounts").read_text(errors="replace")
    return any(line.split(" ", 1)[0] == name for line in text.splitlines())
