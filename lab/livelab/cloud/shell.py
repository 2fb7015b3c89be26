# SPDX-License-Identifier: Apache-2.0
"""A shell inside a lab host, ready for the openstack client."""

import os

from livelab import namespaces
from livelab.cloud.site import Site
from livelab.errors import LabError
from livelab.hosts import Host


def run(name: str, argv: list[str], site: Site | None = None) -> int:
    """Run argv, or a shell, in a host on this terminal; its exit code."""
    site = site or Site()
    if name not in site.network.hosts:
        known = ", ".join(site.network.hosts)
        raise LabError(f"no host {name!r}; there are: {known}")
    enter = _enter(site.network[name])
    env = {**os.environ, **site.admin_env}
    if not argv:
        env["PS1"] = rf"{name}:\w\$ "
        argv = ["bash", "--norc"]
    full = [*enter, *argv]
    return os.spawnvpe(os.P_WAIT, full[0], full, env)


def _enter(host: Host) -> list[str]:
    for member in namespaces.members(host.netns):
        try:
            if namespaces.is_marked(member.pid, host.netns):
                pid = str(member.pid)
                return ["nsenter", "-t", pid, "-n", "-m", "-u", "--"]
        except OSError:
            continue
    raise LabError(f"{host.name}: is not up; lab/up starts it")
