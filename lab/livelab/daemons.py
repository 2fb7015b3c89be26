# SPDX-License-Identifier: Apache-2.0
"""Daemons in lab hosts: started once, waited for, stopped by pid file."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from livelab import paths, process
from livelab.errors import LabError
from livelab.hosts import Host


class Daemon:
    """A program that stays in the foreground and outlives its starter."""

    def __init__(
        self,
        host: Host,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        ready: Callable[[], bool] | None = None,
    ) -> None:
        self.host = host
        self.name = name
        self.argv = list(argv)
        self.env = env
        self.ready = ready
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return paths.log_dir(self.host.state) / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        return paths.run_dir(self.host.state) / f"{self.name}.pid"

    def running(self) -> process.Process | None:
        """The daemon's process, if it lives."""
        return process.read(self.pid_file)

    def start(self, pass_fds: Sequence[int] = ()) -> None:
        """Start it, unless it runs; does not wait. Raises LabError.

        It inherits the file descriptors in pass_fds.
        """
        if self.running():
            return
        self._child = self.host.popen(
            self.argv, log=self.log, env=self.env, pass_fds=pass_fds
        )
        started = process.look(self._child.pid)
        if started is None:
            raise LabError(self._account("exited at once"))
        started.write(self.pid_file)

    def wait_ready(self, timeout: float = 60) -> None:
        """Wait until it answers; raises LabError with its last words."""
        limit = time.monotonic() + timeout
        while not self._is_ready():
            if not self.running():
                raise LabError(self._account(f"exited{self._exit_code()}"))
            if time.monotonic() > limit:
                raise LabError(
                    self._account(f"is not ready after {timeout:.0f} s")
                )
            time.sleep(0.1)

    def stop(self, timeout: float = 20) -> None:
        """SIGTERM, after timeout seconds SIGKILL; gone when it returns."""
        running = self.running()
        if running:
            process.end([running], timeout)
        if self._child is not None and self._child.poll() is not None:
            self._child = None
        self.pid_file.unlink(missing_ok=True)

    def _is_ready(self) -> bool:
        # A port that answers may be another's: ours must be alive as well.
        if not self.running():
            return False
        try:
            return self.ready is None or self.ready()
        except (LabError, OSError):
            return False

    def _exit_code(self) -> str:
        code = self._child.poll() if self._child else None
        return "" if code is None else f" with {code}"

    def _account(self, what: str) -> str:
        try:
            said = self.log.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            said = []
        tail = "".join(f"\n  {line}" for line in said[-20:])
        return f"{self.name} on {self.host.name} {what}; {self.log}:{tail}"


def tcp_ready(host: Host, ip: str, port: int) -> bool:
    """Whether a connection from this host to ip:port is accepted."""
    probe = f"exec 3<>/dev/tcp/{ip}/{port}"
    try:
        done = host.run(["bash", "-c", probe], check=False, timeout=3)
    except LabError:
        return False
    return done.returncode == 0
