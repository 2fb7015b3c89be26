# SPDX-License-Identifier: Apache-2.0
"""Where a server's files are, as seen from the machine."""

from pathlib import Path, PurePosixPath

from livelab import mounts, paths
from livelab.cloud import mode
from livelab.cloud.site import Site
from livelab.hosts import Host

NOVA = "/var/lib/nova"
# A hypervisor's own directory, at the same path on both: with [DEFAULT]
# instances_path set to this a migration has to copy disks.
LOCAL_INSTANCES = f"{NOVA}/local"


def make_local(host: Host) -> None:
    """Make the host's own directory for instances."""
    (host.dir / "nova" / "local").mkdir(exist_ok=True)


def instance_dir(site: Site, server_id: str, host: str) -> Path:
    """The directory of one server: the hosts' shared one, or its host's."""
    default = mode.load(site.state).options.get("DEFAULT", {})
    inside = str(default.get("instances_path", mounts.INSTANCES))
    if inside == mounts.INSTANCES:
        return paths.instances_dir(site.state) / server_id
    own = PurePosixPath(inside).relative_to(NOVA)
    return site.network[host].dir / "nova" / own / server_id
