# SPDX-License-Identifier: Apache-2.0
"""Ways to migrate that must behave as in Nova."""

import contextlib
import time
from typing import Any

from livelab.checks import common
from livelab.checks.races import sound
from livelab.checks.trial import Notes, Trial
from livelab.checks.trip import Trip
from livelab.checks.world import BUSY, IDLE, World
from livelab.cloud import disks
from livelab.cloud.ini import Sections, Value
from livelab.errors import LabError

# Other servers have their disks in the shared directory.
FLAVOR = "check-block"
ALLOW: Sections = {
    "libvirt": {"live_migration_permit_post_copy": True},
    "livemig_gpu": {"postcopy": "allow"},
}
# The plugin's own switch to post-copy must not come first.
NOVA_POLICY: Sections = {
    "libvirt": {"live_migration_permit_post_copy": True},
    "livemig_gpu": {"postcopy": "allow", "policy": "nova"},
}


def force(world: World, notes: Notes) -> None:
    trip = world.moving(world.server(), 3)
    trip.force_complete()
    begin = time.monotonic()
    status = sound(world, notes, trip)
    notes.expect("completed", status == "completed", status)
    notes.show("seconds after the request", _since(begin))


def force_early(world: World, notes: Notes) -> None:
    """In the first pass, by post-copy."""
    trip = world.moving(world.server(), 0.3)
    trip.force_complete()
    status = sound(world, notes, trip)
    notes.expect("completed", status == "completed", status)


def paused(world: World, notes: Notes) -> None:
    """A paused server migrates and stays paused."""
    server = world.server()
    _action(world, server.id, "pause")
    world.wait(lambda: _status(world, server.id) == "PAUSED", "PAUSED")
    world.undo.callback(_unpause, world, server.id)
    trip = world.migrate(server)
    status = trip.wait_over()
    now = world.client.server_show(server.id)
    there = world.other(trip.source).name
    notes.expect("completed", status == "completed", status)
    notes.expect(
        "PAUSED on the destination",
        (now.status, now.host) == ("PAUSED", there),
        f"{now.status} on {now.host}; {world.domains(server.id)}",
    )
    _action(world, server.id, "unpause")
    world.wait(lambda: _status(world, server.id) == "ACTIVE", "ACTIVE")
    common.runs_once(world, notes, server.id, there)


def pause_midway(world: World, notes: Notes) -> None:
    """`openstack server pause` in mid-migration; then it converges."""
    trip = world.moving(world.server(), 3)
    try:
        world.client.openstack("server", "pause", trip.server_id, parse=False)
        notes.show("server pause", "accepted")
    except LabError as error:
        # As in Nova: a server with a task cannot be paused.
        notes.show("server pause", " ".join(str(error).split())[-110:])
        trip.abort()
        sound(world, notes, trip)
        return
    world.undo.callback(_unpause, world, trip.server_id)
    status = trip.wait_over()
    notes.show("migration", status)
    notes.show("server", _status(world, trip.server_id))


def block(world: World, notes: Notes) -> None:
    """Local disks: memory and disk are copied."""
    world.flavor(FLAVOR, {})
    server = world.server(IDLE, FLAVOR)
    trip = world.migrate(server)
    trip.wait_flow(0)
    status = sound(world, notes, trip, 120)
    notes.expect("completed", status == "completed", status)
    kind = (trip.record() or {}).get("migration_type")
    notes.show("type", kind)
    world.client.server_delete(server.id)


def block_abort(world: World, notes: Notes) -> None:
    world.flavor(FLAVOR, {})
    server = world.server(BUSY, FLAVOR)
    trip = world.moving(server, 1)
    trip.abort()
    common.stays(world, notes, trip, ("cancelled",), "aborted")
    common.moves_again(world, notes, trip)
    world.client.server_delete(server.id)


def tunnelled(world: World, notes: Notes) -> None:
    trip = world.moving(world.server(), 2)
    trip.force_complete()
    status = sound(world, notes, trip)
    notes.expect("completed", status == "completed", status)
    trip = world.moving(world.server(), 1)
    trip.abort()
    common.stays(world, notes, trip, ("cancelled",), "aborted")


def two(world: World, notes: Notes) -> None:
    """To the same host at the same time; one is aborted, one completes."""
    first = world.server()
    second = world.server(BUSY, "t512")
    if first.host != second.host:
        trip = world.moving(second, 0.5)
        trip.force_complete()
        trip.wait_over()
    trips = [Trip(world.client, s.id) for s in (first, second)]
    for trip in trips:
        trip.wait_flow()
    time.sleep(1)
    both = [trip.status for trip in trips]
    notes.expect("both run", both == ["running"] * 2, both)
    trips[0].abort()
    common.stays(world, notes, trips[0], ("cancelled",), "aborted")
    still = trips[1].status
    notes.expect("the other goes on", still == "running", still)
    trips[1].force_complete()
    status = sound(world, notes, trips[1])
    notes.expect("the other completes", status == "completed", status)


def timeout_abort(world: World, notes: Notes) -> None:
    """live_migration_completion_timeout, s/GiB, of 2 GiB at the least."""
    begin = time.monotonic()
    trip = world.migrate(world.server())
    common.stays(world, notes, trip, ("cancelled", "failed"), "timeout")
    notes.show("seconds", _since(begin))
    common.moves_again(world, notes, trip)


def timeout_force(world: World, notes: Notes) -> None:
    begin = time.monotonic()
    trip = world.migrate(world.server())
    status = sound(world, notes, trip)
    notes.expect("completed", status == "completed", status)
    notes.show("seconds", _since(begin))


def timeouts(action: str) -> Sections:
    """Nova's own timeout; ours is not set."""
    values: dict[str, Value] = {
        "live_migration_completion_timeout": 4,
        "live_migration_timeout_action": action,
    }
    return {"libvirt": values, "livemig_gpu": {"on_timeout": action}}


def _action(world: World, server_id: str, name: str) -> Any:
    path = f"/servers/{server_id}/action"
    return world.client.rest.post("nova-api", path, {name: None})


def _unpause(world: World, server_id: str) -> None:
    with contextlib.suppress(LabError):
        if _status(world, server_id) == "PAUSED":
            _action(world, server_id, "unpause")
            world.wait(
                lambda: _status(world, server_id) == "ACTIVE", "ACTIVE", 20
            )


def _status(world: World, server_id: str) -> str:
    return world.client.server_show(server_id).status


def _since(begin: float) -> float:
    return round(time.monotonic() - begin, 1)


LOCAL: Sections = {"DEFAULT": {"instances_path": disks.LOCAL_INSTANCES}}
TRIALS = (
    Trial("force-pause", "force-complete, post-copy forbidden", force),
    Trial(
        "force-postcopy",
        "force-complete, post-copy allowed (policy nova)",
        force,
        NOVA_POLICY,
    ),
    Trial(
        "force-early",
        "force-complete in the first pass, post-copy allowed",
        force_early,
        ALLOW,
    ),
    Trial("paused", "a paused server, post-copy allowed", paused, ALLOW),
    Trial("pause-midway", "`server pause` in mid-migration", pause_midway),
    Trial("block", "block migration", block, LOCAL),
    Trial("block-abort", "block migration, aborted", block_abort, LOCAL),
    Trial(
        "tunnelled",
        "live_migration_tunnelled: force-complete, then abort",
        tunnelled,
        {"libvirt": {"live_migration_tunnelled": True}},
    ),
    Trial(
        "two-at-once",
        "two migrations to the same host",
        two,
        {"DEFAULT": {"max_concurrent_live_migrations": 2}},
    ),
    Trial(
        "timeout-abort",
        "completion_timeout 4 s/GiB, action abort",
        timeout_abort,
        timeouts("abort"),
    ),
    Trial(
        "timeout-force",
        "completion_timeout 4 s/GiB, action force_complete",
        timeout_force,
        timeouts("force_complete"),
    ),
)
