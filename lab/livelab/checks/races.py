# SPDX-License-Identifier: Apache-2.0
"""Requests that come too early, twice, or together."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable

from livelab.checks import common
from livelab.checks.trial import Notes, Trial
from livelab.checks.trip import Trip, answer
from livelab.checks.world import World
from livelab.cloud import services
from livelab.cloud.ini import Sections
from livelab.errors import LabError

POSTCOPY: Sections = {
    "libvirt": {"live_migration_permit_post_copy": True},
    "livemig_gpu": {"postcopy": "allow"},
}


def abort_at_once(world: World, notes: Notes) -> None:
    """As soon as the API takes it, again and again."""
    trip = world.migrate(world.server())
    limit = time.monotonic() + 20
    said = []
    while time.monotonic() < limit:
        try:
            trip.abort()
            break
        except LabError as error:
            said.append(_code(error))
            time.sleep(0.05)
    notes.show("answers before it was taken", sorted(set(said)))
    # Nova may cancel it before any driver has heard of it.
    common.stays(world, notes, trip, ("cancelled",), None)
    common.moves_again(world, notes, trip)


def abort_twice(world: World, notes: Notes) -> None:
    trip = world.moving(world.server())
    notes.show("answers", _together(trip.abort, trip.abort))
    common.stays(world, notes, trip, ("cancelled",), "aborted")
    common.moves_again(world, notes, trip)


def abort_and_force(world: World, notes: Notes) -> None:
    """Whichever wins: a sound end."""
    trip = world.moving(world.server())
    notes.show("answers", _together(trip.force_complete, trip.abort))
    sound(world, notes, trip)


def force_and_abort(world: World, notes: Notes) -> None:
    """Pause by force-complete, then abort: the guest must not stay paused."""
    trip = world.moving(world.server())
    trip.force_complete()
    time.sleep(0.3)
    try:
        trip.abort()
        notes.show("abort", "accepted")
    except LabError as error:
        notes.show("abort", _code(error))
    sound(world, notes, trip)


def abort_in_postcopy(world: World, notes: Notes) -> None:
    trip = world.moving(world.server(), 3)
    try:
        trip.force_complete()
        time.sleep(0.5)
        trip.abort()
        notes.show("abort", "accepted")
    except LabError as error:
        notes.show("abort", _code(error))
    status = sound(world, notes, trip)
    notes.expect("completed all the same", status == "completed", status)


def delete_midway(world: World, notes: Notes) -> None:
    trip = world.moving(world.server())
    path = f"/servers/{trip.server_id}"
    try:
        world.client.rest.call("DELETE", "nova-api", path)
        notes.show("delete", "accepted")
    except LabError as error:
        notes.show("delete", _code(error))
    begin = time.monotonic()
    with contextlib.suppress(LabError):
        world.wait(lambda: not _exists(world, trip), "deleted", 40)
    gone = not _exists(world, trip)
    notes.expect("deleted", gone, f"{time.monotonic() - begin:.0f} s")
    _gone(world, notes, trip)


def _exists(world: World, trip: Trip) -> bool:
    return any(s.id == trip.server_id for s in world.client.servers("^check-"))


def _gone(world: World, notes: Notes, trip: Trip) -> None:
    with contextlib.suppress(LabError):
        world.wait(lambda: not world.domains(trip.server_id), "gone", 30)
    notes.show(
        "Placement still counts it on", world.allocations(trip.server_id)
    )
    left = world.domains(trip.server_id)
    notes.expect("no guest is left", not left, left)
    log = world.log(trip.source)
    notes.show(
        "not recorded", log.count("The end of this live migration was not")
    )


def sigterm(world: World, notes: Notes) -> None:
    """A graceful stop of nova-compute on the source."""
    trip = world.moving(world.server())
    service = world.compute(trip.source)
    running = service.daemon.running()
    if running is None:
        raise LabError("nova-compute does not run")
    begin = time.monotonic()
    running.signal(signal.SIGTERM)
    world.wait(lambda: not running.alive(), "nova-compute's end", 60)
    notes.show("seconds to stop", round(time.monotonic() - begin, 1))
    service.stop()
    service.ensure()
    services.wait([service])
    common.stays(world, notes, trip, ("failed", "error", "cancelled"))


def sound(world: World, notes: Notes, trip: Trip, timeout: float = 60) -> str:
    """However it ended: ACTIVE, running once, where Nova thinks it is."""
    status = trip.wait_over(timeout)
    server = world.client.server_show(trip.server_id)
    wanted = trip.source
    if status == "completed":
        wanted = world.other(trip.source).name
    notes.expect(
        "server ACTIVE where it should be",
        (server.status, server.host) == ("ACTIVE", wanted),
        f"{server.status} on {server.host}; migration {status}",
    )
    common.runs_once(world, notes, server.id, str(server.host))
    notes.show("reason", trip.reason())
    wrong = world.memory_wrong(server.id)
    notes.expect("memory is right", not wrong, "wrong" if wrong else "right")
    return status


def _together(*calls: Callable[[], None]) -> list[str]:
    answers: list[str] = []

    def one(call: Callable[[], None]) -> None:
        try:
            call()
            answers.append("accepted")
        except LabError as error:
            answers.append(_code(error))

    threads = [threading.Thread(target=one, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _code(error: LabError) -> str:
    return answer(error)[:120]


TRIALS = (
    Trial(
        "abort-at-once", "abort as early as the API takes it", abort_at_once
    ),
    Trial("abort-twice", "two aborts at the same time", abort_twice),
    Trial(
        "abort-and-force", "abort and force-complete together", abort_and_force
    ),
    Trial(
        "force-then-abort",
        "force-complete, 0.3 s later abort",
        force_and_abort,
    ),
    Trial(
        "abort-in-postcopy",
        "force-complete by post-copy, 0.5 s later abort",
        abort_in_postcopy,
        POSTCOPY,
    ),
    Trial(
        "delete-midway", "delete the server in mid-migration", delete_midway
    ),
    Trial("sigterm", "SIGTERM to nova-compute in mid-migration", sigterm),
)
