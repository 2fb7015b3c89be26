# SPDX-License-Identifier: Apache-2.0
"""One host with the plugin, one with stock Nova: while it is rolled out."""

from livelab.checks import common
from livelab.checks.trial import Notes, Trial
from livelab.checks.trip import Trip
from livelab.checks.world import BASE, BUSY, IDLE, World
from livelab.cloud import computes
from livelab.cloud.conf_nova import STOCK_DRIVER
from livelab.cloud.ini import Sections
from livelab.cloud.mode import Mode

# As if the plugin had never been configured there.
WITHOUT: Sections = {
    "DEFAULT": {"compute_driver": STOCK_DRIVER},
    "oslo_messaging_notifications": {"driver": []},
}


def source_with(world: World, notes: Notes) -> None:
    """Steered as ever, to a host that knows nothing of it."""
    server = world.server(IDLE)
    without(world, world.other(str(server.host)).name)
    trip = world.migrate(server)
    arrives(world, notes, trip)
    event = trip.steering()
    notes.expect(
        "the source steered it",
        event is not None and event.result == "Success",
        event,
    )
    # With an end that is not Nova's: an abort.
    busy = world.server(BUSY)
    without(world, world.other(str(busy.host)).name)
    trip = world.moving(busy)
    trip.abort()
    common.stays(world, notes, trip, ("cancelled",), "aborted")
    common.moves_again(world, notes, trip)


def source_without(world: World, notes: Notes) -> None:
    """Plain Nova, to a host that could do more."""
    server = world.server(IDLE)
    without(world, str(server.host))
    trip = world.migrate(server)
    arrives(world, notes, trip)
    notes.expect("nobody steered it", not trip.steering(), trip.steering())
    busy = world.server(BUSY)
    without(world, str(busy.host))
    trip = world.moving(busy)
    trip.force_complete()
    arrives(world, notes, trip)
    # And back, steered now: what it left behind is no hindrance.
    trip = world.moving(busy)
    trip.force_complete()
    arrives(world, notes, trip)
    event = trip.steering()
    notes.expect("on its way back it is steered", event is not None, event)


def without(world: World, host: str) -> None:
    """Take the plugin away from one host alone."""
    world.say(f"{host} without the plugin")
    computes.use(Mode("plugin", BASE, {}, {host: WITHOUT}), site=world.site)


def arrives(world: World, notes: Notes, trip: Trip) -> None:
    """It completes, and the guest is well."""
    status = trip.wait_over()
    notes.expect("completed", status == "completed", status)
    server = world.client.server_show(trip.server_id)
    there = world.other(trip.source).name
    notes.expect(
        "ACTIVE on the destination",
        (server.status, server.host) == ("ACTIVE", there),
        f"{server.status} on {server.host}: {trip.reason()}",
    )
    common.runs_once(world, notes, trip.server_id, there)
    wrong = world.memory_wrong(trip.server_id)
    notes.expect("memory intact", not wrong, "wrong" if wrong else "intact")
    found = world.allocations(trip.server_id)
    notes.expect("counted there alone", found == [there], found)


TRIALS = (
    Trial(
        "mixed-source-with",
        "source with the plugin, destination without",
        source_with,
        stock=False,
    ),
    Trial(
        "mixed-source-without",
        "source without the plugin, destination with",
        source_without,
        stock=False,
    ),
)
