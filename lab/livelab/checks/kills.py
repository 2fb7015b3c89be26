# SPDX-License-Identifier: Apache-2.0
"""kill -9 of nova-compute on the source, of libvirtd on the destination."""

import signal
import time

from livelab.checks import common
from livelab.checks.trial import Notes, Trial
from livelab.checks.trip import Trip, job
from livelab.checks.world import IDLE, World
from livelab.cloud import services
from livelab.cloud.service import Service
from livelab.daemons import Daemon
from livelab.errors import LabError
from livelab.libvirtd import Libvirtd


def compute(world: World, notes: Notes) -> None:
    trip = world.moving(world.server(), 4)
    _kill_compute(world, trip, 3)
    try:
        trip.wait_over(60)
    except LabError as error:
        notes.expect("the migration ends", False, error)
        return
    common.stays(world, notes, trip, ("failed", "error", "cancelled"), "stop")
    _claims(world, notes, trip)
    common.moves_again(world, notes, trip)


def compute_idle(world: World, notes: Notes) -> None:
    """The job completes in libvirt while nobody looks."""
    server = world.server(IDLE)
    trip = world.migrate(server)
    trip.wait_flow(0)
    source = kill(world.compute(trip.source).daemon)
    world.wait(
        lambda: (
            list(world.domains(server.id)) != [trip.source]
            and not job(world.site.network[trip.source], server.id).get("type")
        ),
        "libvirt's migration",
        60,
    )
    notes.show("before the restart", world.domains(server.id))
    restart(world, world.compute(trip.source), source)
    _state(world, notes, trip)


def _state(world: World, notes: Notes, trip: Trip) -> None:
    try:
        trip.wait_over(40)
    except LabError as error:
        notes.show("the migration", error)
    now = world.client.server_show(trip.server_id)
    notes.show("server", f"{now.status}/{now.task_state} on {now.host}")
    notes.show("guests", world.domains(trip.server_id))
    notes.show("migration", trip.status)
    notes.show("reason", trip.reason())
    _claims(world, notes, trip)


def _claims(world: World, notes: Notes, trip: Trip) -> None:
    """Nova does not take back what the migration had claimed."""
    notes.show(
        "Placement counts the server on", world.allocations(trip.server_id)
    )
    uuid = (trip.record() or {})["uuid"]
    notes.show("and its migration on", world.allocations(uuid))


def libvirtd(world: World, notes: Notes) -> None:
    trip = world.moving(world.server(), 4)
    dest = world.other(trip.source)
    daemon = Libvirtd(dest)
    kill(daemon.daemon)
    world.say("libvirtd killed")
    daemon.start()
    daemon.wait_ready()
    common.stays(world, notes, trip, ("failed", "error"))
    services.wait([world.compute(dest.name)], 120)
    common.moves_again(world, notes, trip)


def _kill_compute(world: World, trip: Trip, dead_s: float) -> None:
    service = world.compute(trip.source)
    pid = kill(service.daemon)
    time.sleep(dead_s)
    restart(world, service, pid)


def restart(world: World, service: Service, pid: int) -> None:
    world.say("start nova-compute again")
    service.ensure()
    services.wait([service])


def kill(daemon: Daemon) -> int:
    running = daemon.running()
    if running is None:
        raise LabError(f"{daemon.name} does not run")
    running.signal(signal.SIGKILL)
    daemon.stop()
    return running.pid


TRIALS = (
    Trial(
        "kill-compute",
        "kill -9 nova-compute on the source after 4 s, start it again",
        compute,
    ),
    Trial(
        "kill-compute-idle",
        "the same; libvirt completes while nova-compute is dead",
        compute_idle,
    ),
    Trial(
        "kill-libvirtd",
        "kill -9 libvirtd on the destination after 4 s, start it again",
        libvirtd,
    ),
)
