# SPDX-License-Identifier: Apache-2.0
"""Tell one process from another that later got its number."""

import contextlib
import os
import signal
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process: its number and when it began, in clock ticks after boot.

    The kernel hands out numbers again; number and start time together are
    unique until the next reboot.
    """

    pid: int
    start: int

    def alive(self) -> bool:
        """True while it runs; one that only waits to be reaped does not."""
        return look(self.pid) == self

    def signal(self, number: int) -> None:
        """Send a signal, if it is still the same process."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def write(self, path: Path) -> None:
        """Leave a pid file."""
        path.write_text(f"{self.pid} {self.start} {_boot_id()}\n")


def look(pid: int) -> Process | None:
    """The process that has this number now; None for none or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # The name in parentheses may hold spaces and parentheses itself.
    fields = stat.rpartition(")")[2].split()
    if fields[0] in "ZX":
        return None
    return Process(pid, int(fields[19]))


def read(path: Path) -> Process | None:
    """The process a pid file names, if it lives and is the same one."""
    try:
        pid, start, boot = path.read_text().split()
        process = Process(int(pid), int(start))
    except (OSError, ValueError):
        return None
    return process if boot == _boot_id() and process.alive() else None


def command_line(pid: int) -> str:
    """What a process was started with, for messages."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return "?"
    return raw.replace(b"\0", b" ").decode(errors="replace").strip()[:120]


def end(processes: Collection[Process], patience_s: float) -> None:
    """SIGTERM, wait, SIGKILL, wait: after this they are gone."""
    for number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, 10)):
        for process in processes:
            process.signal(number)
        if wait_gone(processes, wait_s):
            break
    for process in processes:
        _reap(process.pid)


def wait_gone(processes: Collection[Process], timeout_s: float) -> bool:
    """Wait until none of them lives; False when time ran out."""
    limit = time.monotonic() + timeout_s
    while any(process.alive() for process in processes):
        if time.monotonic() > limit:
            return False
        time.sleep(0.05)
    return True


def _reap(pid: int) -> None:
    """Take the exit code of a child of ours, so that no zombie stays."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
