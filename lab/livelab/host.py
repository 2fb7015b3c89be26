# SPDX-License-Identifier: Apache-2.0
"""Lab hosts: network, mount and UTS namespaces on one bridge.

A host has its own address, name and directories of libvirt and nova, and
shares kernel, processes and programs with the machine. One sleeping
process holds its namespaces; all else enters them with nsenter.
"""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from livelab import command, links, mounts, namespaces, paths, process
from livelab.errors import LabError

BRIDGE = "br-livemig"


@dataclass(frozen=True)
class HostSpec:
    """What a host is called, where it is, and whether it runs guests."""

    name: str
    ip: str
    hypervisor: bool


CONTROLLER = HostSpec("controller", "10.78.0.10", False)
COMPUTE1 = HostSpec("compute1", "10.78.0.1", True)
COMPUTE2 = HostSpec("compute2", "10.78.0.2", True)
SPECS = (CONTROLLER, COMPUTE1, COMPUTE2)


def bridge_name(state: Path) -> str:
    """The bridge of the lab in this directory."""
    tag = paths.tag(state)
    return BRIDGE + (tag and f"-{tag}")


class Host:
    """One lab host. Every method may be called again, at any time."""

    def __init__(
        self,
        spec: HostSpec,
        state: Path,
        *,
        bridge: str | None = None,
        shared_instances: bool = True,
    ) -> None:
        self.spec = spec
        self.state = state
        self.bridge = bridge or bridge_name(state)
        self.shared_instances = shared_instances and spec.hypervisor
        tag = paths.tag(state)
        self.netns = namespaces.PREFIX + spec.name + (tag and f"-{tag}")
        # The kernel allows 15 characters: the address is short enough.
        self.link = f"lm{tag}-{spec.ip.rpartition('.')[2]}"

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def ip(self) -> str:
        return self.spec.ip

    @property
    def dir(self) -> Path:
        """The host's own files, as seen from the machine."""
        return paths.host_dir(self.state, self.spec.name)

    def alive(self) -> bool:
        """Whether the host is up."""
        return process.read(self._pid_file) is not None

    def up(self) -> None:
        """Bring the host up; raises LabError."""
        if self.alive():
            self._check_options()
            self._attach()
            return
        self.down()
        self._wire()
        holder = mounts.hold(
            self.netns,
            self.spec.name,
            mounts.plan(self.state, self.spec.name, self.shared_instances),
        )
        self._options_file.write_text(json.dumps(self._options))
        holder.write(self._pid_file)

    def down(self) -> None:
        """Kill what lives in the host and take the host away."""
        # Again and again: while some end, others may start new ones.
        for _ in range(5):
            living = namespaces.members(self.netns)
            if not living:
                break
            process.end(living, 5)
        # The link first: with the namespace it would go too, but later.
        links.remove(self.link)
        if (namespaces.NETNS / self.netns).exists():
            command.run(["ip", "netns", "del", self.netns])
        self._pid_file.unlink(missing_ok=True)

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        env: Mapping[str, str] | None = None,
        input: str | None = None,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the host, from /; raises LabError.

        env is laid over this process's environment.
        """
        try:
            return command.run(
                [*self._enter(), *argv],
                check=check,
                env=env,
                input=input,
                timeout=timeout,
            )
        except LabError as error:
            raise LabError(f"{self.name}: {error}") from error

    def popen(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a command in the host that outlives this process.

        nsenter becomes the command, so the returned pid is its own. It
        inherits the file descriptors in pass_fds.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            return subprocess.Popen(
                [*self._enter(), *argv],
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=pass_fds,
            )

    def shape(
        self,
        rate_mbit: int | None,
        *,
        burst_bytes: int | None = None,
        latency_ms: int = 20,
    ) -> None:
        """Limit what the host sends; None takes the limit away.

        The default burst is 4 ms of the rate, at least 128 KiB: smaller
        than that, and the timer rather than the rate is the limit. The
        queue is short, since whatever waits in it when a guest is stopped
        is downtime. So is what waits in the sender's TCP queue, which this
        does not limit: some 2.7 MB at 400 Mbit/s, 56 ms.
        """
        self._rate_file.write_text("" if rate_mbit is None else f"{rate_mbit}")
        if rate_mbit is None:
            # It fails when there is no limit to take away.
            undo = ["tc", "qdisc", "del", "dev", "eth0", "root"]
            self.run(undo, check=False)
            return
        burst = burst_bytes or max(128 * 1024, rate_mbit * 1_000_000 // 2000)
        limit = f"rate {rate_mbit}mbit burst {burst} latency {latency_ms}ms"
        self.run(f"tc qdisc replace dev eth0 root tbf {limit}".split())

    @property
    def rate_mbit(self) -> int | None:
        """What it was limited to; None: it is not."""
        try:
            return int(self._rate_file.read_text())
        except (FileNotFoundError, ValueError):
            return None

    @property
    def _rate_file(self) -> Path:
        return self.dir / "rate_mbit"

    @property
    def _pid_file(self) -> Path:
        return paths.run_dir(self.state) / f"host-{self.spec.name}.pid"

    @property
    def _options_file(self) -> Path:
        return self.dir / "options.json"

    @property
    def _options(self) -> dict[str, object]:
        return {"shared_instances": self.shared_instances}

    def _check_options(self) -> None:
        if json.loads(self._options_file.read_text()) != self._options:
            raise LabError(
                f"{self.name}: is up with other options; bring it down first"
            )

    def _enter(self) -> list[str]:
        holder = process.read(self._pid_file)
        if holder is None:
            raise LabError(f"{self.name}: is not up")
        return ["nsenter", "-t", str(holder.pid), "-n", "-m", "-u", "--"]

    def _wire(self) -> None:
        """A veth pair: eth0 in the host, the other end on the bridge."""
        netns, link = self.netns, self.link
        for line in (
            f"ip netns add {netns}",
            f"ip link add {link} type veth peer name eth0 netns {netns}",
            f"ip -n {netns} addr add {self.spec.ip}/24 dev eth0",
            f"ip -n {netns} link set eth0 up",
            f"ip -n {netns} link set lo up",
        ):
            command.run(line.split())
        self._attach()

    def _attach(self) -> None:
        """Put the link on the bridge, which may be another than before."""
        for line in (
            f"ip link set {self.link} master {self.bridge}",
            f"ip link set {self.link} up",
        ):
            command.run(line.split())
