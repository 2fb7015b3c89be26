# SPDX-License-Identifier: Apache-2.0
"""Take the cloud down and leave nothing behind."""

import shutil

from livelab.cloud import infra, preflight
from livelab.cloud.site import Site
from livelab.cloud.stages import Stages
from livelab.errors import LabError

# Worthless without the processes that wrote it
FLEETING = ("run",)
# Databases, images, queues, the hosts' own directories, what names them
LASTING = ("lib", "etc", "hosts", "shared", "log", "password", "mode.json")
LASTING += ("hypervisors",)


def down(
    *, keep: bool = False, purge: bool = False, site: Site | None = None
) -> None:
    """Stop every process, remove namespaces, links and files.

    keep leaves databases and disks for a quick `up`; the guests are gone,
    their servers will be SHUTOFF. purge removes the virtual environment
    and the cache too. Raises LabError with whatever is still there.
    """
    preflight.check_root()
    site = site or Site()
    with Stages() as stages:
        if keep:
            # The others may be killed; this one has data to put in order.
            stages.run("MariaDB", infra.mariadb(site).stop)
        stages.run("hosts", site.network.down)
        stages.run("files", lambda: _remove(site, keep, purge))
        left = site.network.leftovers()
        if left:
            raise LabError("still there:\n  " + "\n  ".join(left))
        stages.total("Nothing is left running")


def _remove(site: Site, keep: bool, purge: bool) -> None:
    if purge:
        shutil.rmtree(site.state, ignore_errors=True)
        return
    names = FLEETING if keep else FLEETING + LASTING
    for name in names:
        path = site.state / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if keep:
        # Queues of processes that are gone
        shutil.rmtree(site.state / "lib/rabbitmq", ignore_errors=True)
