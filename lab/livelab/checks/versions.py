# SPDX-License-Identifier: Apache-2.0
"""Two hosts with different versions of the plugin: it is upgraded.

What one does not understand of the other is unknown to it, and the server
migrates as without. See ``another`` for which version stands beside ours.
"""

import json

from livelab.checks import common, gpu_hosts, mixed
from livelab.checks.another import Another, another
from livelab.checks.gpu_filters import arrived
from livelab.checks.gpu_hosts import GpuCloud
from livelab.checks.trial import Notes, Trial
from livelab.checks.trip import Trip
from livelab.checks.world import BASE, BUSY, IDLE, World
from livelab.cloud import computes, sql
from livelab.cloud.ini import Sections, merge
from livelab.cloud.mode import Mode
from nova_livemig_gpu.facts import codec

UPDATES_S = 60
SOON: Sections = {
    "DEFAULT": {"update_resources_interval": 3, "periodic_fuzzy_delay": 1}
}
# An operator's choice while the cloud is upgraded.
WARN: Sections = {
    "livemig_gpu": {"unknown_facts": "warn", "unknown_compatibility": "warn"}
}


def plain(world: World, notes: Notes) -> None:
    """Servers without a GPU: from ours to the other, and back."""
    other = another(world.site)
    server = world.server(IDLE)
    there = world.other(str(server.host)).name
    world.say(f"{there} with another version")
    options = merge(BASE, SOON)
    env = {there: other.environment}
    computes.use(Mode("plugin", options, {}, {}, env), site=world.site)
    _published(world, notes, other, there)
    for _ in ("there", "back"):
        trip = world.migrate(server)
        mixed.arrives(world, notes, trip)
        _steered(notes, trip)
    # With an end that is not Nova's: an abort, from either.
    for _ in ("one", "the other"):
        busy = world.server(BUSY)
        trip = world.moving(busy)
        trip.abort()
        common.stays(world, notes, trip, ("cancelled",), "aborted")
        common.moves_again(world, notes, trip)


def gpu_source(world: World, notes: Notes) -> None:
    """The source of a vGPU server has the other version."""
    _gpu(world, notes, source=True)


def gpu_destination(world: World, notes: Notes) -> None:
    """The destination of a vGPU server has it."""
    _gpu(world, notes, source=False)


def _gpu(world: World, notes: Notes, *, source: bool) -> None:
    cloud = GpuCloud(world)
    cloud.describe()
    other = another(world.site)
    host = cloud.source if source else cloud.other
    world.say(f"{host} with another version")
    gpu_hosts.configure(world, WARN, env={host: other.environment})
    _published(world, notes, other, host)
    since = world.log_size(cloud.other)
    trip = Trip(world.client, cloud.server.id, cloud.other)
    arrived(notes, cloud, trip)
    _steered(notes, trip)
    said = world.log(cloud.other, since).splitlines()
    lines = [line for line in said if "unknown_compatibility is warn" in line]
    if other.made:
        notes.expect(
            "the destination says what it does not know",
            bool(lines),
            lines[:1],
        )
    else:
        notes.show("what the destination does not know", lines[:1])


def _steered(notes: Notes, trip: Trip) -> None:
    event = trip.steering()
    notes.expect(
        "the source steered it",
        event is not None and event.result == "Success",
        event,
    )


def _published(world: World, notes: Notes, other: Another, host: str) -> None:
    """The strings of that host are the other version's."""
    world.wait(
        lambda: _strings(world, host) == other.strings,
        f"facts of {host} from the other version",
        UPDATES_S,
    )
    readable = codec.decode(_stats(world, host)) is not None
    notes.show("strings of the other version", other.strings)
    if other.made:
        notes.expect("nothing of them can be read", not readable, readable)
    else:
        notes.show("they can be read", readable)


def _strings(world: World, host: str) -> str:
    return str(_stats(world, host).get(codec.KEY, "")).partition(".")[0]


def _stats(world: World, host: str) -> dict[str, str]:
    rows = sql.query(
        world.site,
        "select stats from nova.compute_nodes where host = %s and deleted = 0",
        host,
    )
    found: dict[str, str] = json.loads(rows[0][0] or "{}") if rows else {}
    return found


TRIALS = (
    Trial(
        "versions-plain",
        "another version of the plugin on one host, both ways",
        plain,
        stock=False,
    ),
    *(
        Trial(name, does, run, stock=False, prepare=gpu_hosts.prepare)
        for name, does, run in (
            (
                "versions-gpu-source",
                "another version on the source of a vGPU server",
                gpu_source,
            ),
            (
                "versions-gpu-dest",
                "another version on its destination",
                gpu_destination,
            ),
        )
    ),
)
