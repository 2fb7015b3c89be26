# SPDX-License-Identifier: Apache-2.0
"""A daemon together with the files it read when it started."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from livelab import paths
from livelab.daemons import Daemon

TAIL_BYTES = 256 * 1024


@dataclass(frozen=True)
class Service:
    """Started again when its configuration is no longer what it read."""

    daemon: Daemon
    files: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        return self.daemon.name

    def ensure(self) -> None:
        """Start it, or start it again if its files changed; no waiting."""
        if self.daemon.running() and self.stale():
            self.stop()
        if not self.daemon.running():
            log = self.daemon.log
            size = log.stat().st_size if log.exists() else 0
            self._mark.write_text(f"{self._sum()} {size}\n")
            self.daemon.start()

    def stale(self) -> bool:
        """Whether its files differ from those it was started with."""
        return self._started()[0] != self._sum()

    def log_text(self) -> str:
        """What it wrote since it was started, the last part of it."""
        try:
            with self.daemon.log.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(self._started()[1], size - TAIL_BYTES))
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def stop(self) -> None:
        """Stop it; no-op when it does not run."""
        self.daemon.stop()

    @property
    def _mark(self) -> Path:
        return paths.run_dir(self.daemon.host.state) / f"{self.name}.started"

    def _started(self) -> tuple[str, int]:
        """What its files and its log's size were when it was started."""
        try:
            digest, size = self._mark.read_text().split()
        except (FileNotFoundError, ValueError):
            return "", 0
        return digest, int(size)

    def _sum(self) -> str:
        digest = hashlib.sha256(repr(self.daemon.argv).encode())
        for file in self.files:
            digest.update(file.read_bytes())
        return digest.hexdigest()
