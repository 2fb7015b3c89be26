# SPDX-License-Identifier: Apache-2.0
"""The lab's hosts, all together: a bridge, and the hosts on it."""

import os
from collections.abc import Sequence
from pathlib import Path

from livelab import command, links, mounts, namespaces, paths, process
from livelab.errors import LabError
from livelab.host import (
    BRIDGE,
    COMPUTE1,
    COMPUTE2,
    CONTROLLER,
    SPECS,
    Host,
    HostSpec,
    bridge_name,
)

__all__ = [
    "BRIDGE",
    "COMPUTE1",
    "COMPUTE2",
    "CONTROLLER",
    "SPECS",
    "Host",
    "HostSpec",
    "Network",
    "bridge_name",
    "leftovers",
]


class Network:
    """The bridge and the hosts on it."""

    def __init__(
        self,
        bridge: str | None = None,
        hosts: Sequence[HostSpec] = SPECS,
        state: Path | None = None,
        *,
        shared_instances: bool = True,
    ) -> None:
        self.state = state or paths.state_dir()
        self.bridge = bridge or bridge_name(self.state)
        self.hosts = {
            spec.name: Host(
                spec,
                self.state,
                bridge=self.bridge,
                shared_instances=shared_instances,
            )
            for spec in hosts
        }

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def up(self) -> None:
        """Bring up the bridge and all hosts; raises LabError."""
        if os.geteuid():
            raise LabError("the lab needs root: it makes namespaces")
        specs = [host.spec for host in self.hosts.values()]
        mounts.write_names(self.state, {spec.name: spec.ip for spec in specs})
        if not links.exists(self.bridge):
            command.run(["ip", "link", "add", self.bridge, "type", "bridge"])
        command.run(["ip", "link", "set", self.bridge, "up"])
        for host in self.hosts.values():
            host.up()

    def down(self) -> None:
        """Take down all hosts and the bridge; logs and files stay."""
        for host in self.hosts.values():
            host.down()
        links.remove(self.bridge)
        for stale in paths.run_dir(self.state).glob("*.pid"):
            stale.unlink()
        mounts.remove_points(self.state)

    def leftovers(self) -> list[str]:
        """What of this network is still on the machine, in words."""
        return leftovers(self)


def leftovers(network: Network) -> list[str]:
    """What a `down` ought to have taken away, in words; best empty."""
    found = [f"link {network.bridge}"] if links.exists(network.bridge) else []
    for host in network.hosts.values():
        if links.exists(host.link):
            found.append(f"link {host.link}")
        if (namespaces.NETNS / host.netns).exists():
            found.append(f"network namespace {host.netns}")
        for member in namespaces.members(host.netns):
            line = process.command_line(member.pid)
            found.append(f"process {member.pid} of {host.name}: {line}")
    return found + mounts.visible(network.state)
