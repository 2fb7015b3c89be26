# SPDX-License-Identifier: Apache-2.0
"""A card that one vGPU fills, and what its host tells of the room on it.

Nova never removes a mediated device. So a server that has left such a card
leaves an idle device on it, with which the card is full, and which takes the
server when it comes back.
"""

import contextlib
import json
import time
from collections.abc import Iterator, Sequence

from livelab.checks import gpu_hosts
from livelab.cloud import sql
from livelab.cloud.hypervisors import VfioHypervisors
from livelab.cloud.ini import Sections
from livelab.cloud.site import Site
from livelab.errors import LabError
from livelab.vfio import nova_conf
from livelab.vfio.machine import Machine
from livelab.vfio.trials import knobs
from nova_livemig_gpu.facts import codec
from nova_livemig_gpu.model import HostFacts

FB_MIB, TOTAL_MIB = 16, 1024
TOLD_S = 60
# For the facts of hosts: the filters go by what was told last.
SOON: Sections = {
    "DEFAULT": {"update_resources_interval": 3, "periodic_fuzzy_delay": 1},
}
FILTERS: Sections = gpu_hosts.CONTROLLER


@contextlib.contextmanager
def one_vgpu_each(machines: Sequence[Machine]) -> Iterator[None]:
    """Cards as large as one vGPU, for as long as this is entered."""
    try:
        for machine in machines:
            knobs.put(machine, fb_mib=FB_MIB, total_mib=FB_MIB)
        yield
    finally:
        for machine in machines:
            knobs.put(machine, total_mib=TOTAL_MIB)


def wait_told(
    hypervisors: VfioHypervisors, server_id: str, source: str, target: str
) -> None:
    """Wait until Nova knows where the server is, and of room for it at the
    target. Raises LabError with what it knows.

    :param source: name of the server's compute, as is target
    """
    site = hypervisors.site
    limit = time.monotonic() + TOLD_S
    while True:
        here, there = _facts(site, source), _facts(site, target)
        used = [each.server for each in (here and here.active) or ()]
        if server_id in used and _room(there) == 1 and _room(here) == 0:
            return
        if time.monotonic() > limit:
            raise LabError(
                f"in {TOLD_S} s {source} told of {used} and room for "
                f"{_room(here)}, {target} of room for {_room(there)}"
            )
        time.sleep(0.5)


def _room(facts: HostFacts | None) -> int | None:
    for gpu in (facts and facts.gpus) or ():
        for each in gpu.types:
            if each.type_id == nova_conf.TYPE:
                return each.room.vgpus
    return None


def _facts(site: Site, host: str) -> HostFacts | None:
    rows = sql.query(
        site,
        "select stats from nova.compute_nodes where host = %s and deleted = 0",
        host,
    )
    return codec.decode(json.loads(rows[0][0] or "{}")) if rows else None
