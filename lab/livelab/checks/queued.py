# SPDX-License-Identifier: Apache-2.0
"""A migration that waits: its server is deleted, nova-compute killed.

With the plugin it waits for the link, which another one is on; with stock
Nova in Nova's own queue, before anything is prepared for it.
"""

import contextlib
import signal
import time

from livelab.checks import common
from livelab.checks.kills import kill, restart
from livelab.checks.trial import Notes, Trial
from livelab.checks.trip import Trip
from livelab.checks.world import BASE, World
from livelab.cloud import computes, services, sql
from livelab.cloud.ini import Sections, merge
from livelab.cloud.mode import Mode
from livelab.cloud.records import FINAL
from livelab.errors import LabError

RATE_MBIT, BACK_MBIT = 100, 400
#: 100 Mbit/s carry one of these, not two
FIRST, SECOND = (40, 8), (40, 7)
OPTIONS: Sections = {
    "livemig_gpu": {
        "link_mbps": RATE_MBIT,
        "dirty_rate_gauge": "monitor",
        "max_downtime_ms": 500,
    },
}


def prepare(world: World) -> None:
    for host in world.site.computes:
        host.shape(RATE_MBIT)
        world.undo.callback(host.shape, BACK_MBIT)
    many: Sections = {
        "DEFAULT": {"max_concurrent_live_migrations": 2 if world.plugin else 1}
    }
    computes.use(
        Mode(world.driver, merge(BASE, OPTIONS, many)), site=world.site
    )


def two(world: World) -> tuple[Trip, Trip]:
    """One that runs, and one that waits for it."""
    first, second = world.server(FIRST), world.server(SECOND)
    if first.host != second.host:
        world.migrate(second).wait_over(120)
    source = str(world.client.server_show(first.id).host)
    size = world.log_size(source)
    running = world.migrate(first)
    world.wait(lambda: running.status != "no record", "a migration", 30)
    waiting = world.migrate(second)
    if world.plugin:
        world.wait(
            lambda: "Waiting for the link" in world.log(source, size),
            "one that waits for the link",
            60,
        )
    world.wait(lambda: waiting.status == "queued", "one that is queued", 30)
    time.sleep(1)
    if waiting.status != "queued":
        raise LabError(f"it waits no more: {waiting.status}")
    return running, waiting


def deleted(world: World, notes: Notes) -> None:
    running, waiting = two(world)
    size = world.log_size(waiting.source)
    uuid = str((waiting.record() or {})["uuid"])
    began = time.monotonic()
    world.client.rest.call(
        "DELETE", "nova-api", f"/servers/{waiting.server_id}"
    )

    def gone() -> bool:
        listed = world.client.servers("^check-")
        return all(each.id != waiting.server_id for each in listed)

    try:
        world.wait(gone, "deleted", 60)
    except LabError as error:
        notes.expect("deleted", False, error)
    else:
        notes.expect("deleted", True, f"{time.monotonic() - began:.0f} s")
    status = running.wait_over(180)
    notes.expect("the other completes", status == "completed", status)
    _final(world, notes, uuid)
    for what, consumer in (
        ("server", waiting.server_id),
        ("migration", uuid),
    ):
        held = world.allocations(consumer)
        notes.expect(f"Placement counts the {what} nowhere", not held, held)
    left = world.domains(waiting.server_id)
    notes.expect("no guest is left", not left, left)
    log = world.log(waiting.source, size)
    noise = [
        line
        for line in log.splitlines()
        if " ERROR " in line and waiting.server_id in line
    ]
    notes.expect(
        "no error in the log of the source",
        not noise,
        f"{len(noise)} lines; {noise[0][-150:] if noise else ''}",
    )


def _final(world: World, notes: Notes, uuid: str) -> None:
    """The API does not show those of deleted servers."""

    def status() -> str:
        ((found,),) = sql.query(
            world.site,
            "select status from nova.migrations where uuid=%s",
            uuid,
        )
        return str(found)

    with contextlib.suppress(LabError):
        world.wait(lambda: status() in FINAL, "final", 30)
    notes.expect("migration in a final state", status() in FINAL, status())


def killed(world: World, notes: Notes) -> None:
    running, waiting = two(world)
    service = world.compute(waiting.source)
    pid = kill(service.daemon)
    time.sleep(2)
    restart(world, service, pid)
    _ended(world, notes, waiting, ("error",), "before it went")
    try:
        notes.show("the one that ran", running.wait_over(60))
    except LabError as error:
        notes.show("the one that ran", error)


def stopped(world: World, notes: Notes) -> None:
    """A graceful stop: what waits is not waited for."""
    _, waiting = two(world)
    service = world.compute(waiting.source)
    process = service.daemon.running()
    if process is None:
        raise LabError("nova-compute does not run")
    began = time.monotonic()
    process.signal(signal.SIGTERM)
    world.wait(lambda: not process.alive(), "nova-compute's end", 120)
    notes.show("seconds to stop", round(time.monotonic() - began, 1))
    service.stop()
    service.ensure()
    services.wait([service])
    _ended(world, notes, waiting, ("cancelled", "error"), "stopped")


def _ended(
    world: World,
    notes: Notes,
    trip: Trip,
    wanted: tuple[str, ...],
    words: str,
) -> None:
    try:
        trip.wait_over(40)
    except LabError as error:
        notes.expect("the migration ends", False, error)
        return
    common.stays(world, notes, trip, wanted, words)
    uuid = str((trip.record() or {})["uuid"])
    held = world.allocations(trip.server_id)
    notes.expect(
        "Placement counts the server on its source only",
        [each.split(".")[0] for each in held] == [trip.source],
        held,
    )
    held = world.allocations(uuid)
    notes.expect("and its migration nowhere", not held, held)
    again = world.migrate(world.client.server_show(trip.server_id))
    status = again.wait_over(180)
    notes.expect("next migration completes", status == "completed", status)


TRIALS = (
    Trial(
        "queued-deleted",
        "delete a server whose migration waits",
        deleted,
        prepare=prepare,
    ),
    Trial(
        "queued-killed",
        "kill -9 nova-compute while a migration waits, start it again",
        killed,
        prepare=prepare,
    ),
    Trial(
        "queued-stopped",
        "SIGTERM to nova-compute while a migration waits",
        stopped,
        prepare=prepare,
    ),
)
