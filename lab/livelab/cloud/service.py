# SPDX-License-Identifier: Apache-2.0
"""A daemon together with the files it read when it started."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from livelab import paths
from livelab.daemons import Daemon


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
            self._mark.write_text(self._sum())
            self.daemon.start()

    def stale(self) -> bool:
        """Whether its files differ from those it was started with."""
        try:
            return self._mark.read_text() != self._sum()
        except FileNotFoundError:
            return True

    def stop(self) -> None:
        """Stop it; no-op when it does not run."""
        self.daemon.stop()

    @property
    def _mark(self) -> Path:
        return paths.run_dir(self.daemon.host.state) / f"{self.name}.sum"

    def _sum(self) -> str:
        digest = hashlib.sha256(repr(self.daemon.argv).encode())
        for file in self.files:
            digest.update(file.read_bytes())
        return digest.hexdigest()
