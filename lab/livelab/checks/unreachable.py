# SPDX-License-Identifier: Apache-2.0
"""The destination cannot be reached by the source's libvirt."""

from livelab.checks import common
from livelab.checks.trial import Notes, Trial
from livelab.checks.world import World
from livelab.cloud import computes, mode
from livelab.cloud.ini import merge

NOWHERE = "10.78.0.99"


def wrong_address(world: World, notes: Notes) -> None:
    """live_migration_inbound_addr of the destination is nobody's."""
    trip = world.migrate(world.server())
    common.stays(world, notes, trip, ("failed", "error"))
    mine = mode.load(world.site.state).options
    options = merge(mine, {"libvirt": {"live_migration_inbound_addr": ""}})
    del options["libvirt"]["live_migration_inbound_addr"]
    computes.configure(world.driver, options, site=world.site)
    common.moves_again(world, notes, trip)


def link_down(world: World, notes: Notes) -> None:
    """The source drops all packets to the destination, in mid-migration."""
    trip = world.moving(world.server(), 3)
    source = world.site.network[trip.source]
    dest = world.other(trip.source)
    route = ["ip", "route", "add", "blackhole", f"{dest.ip}/32"]
    source.run(route)
    undo = ["ip", "route", "del", "blackhole", f"{dest.ip}/32"]
    world.undo.callback(source.run, undo, check=False)
    common.stays(world, notes, trip, ("failed", "error"))
    source.run(undo)
    common.moves_again(world, notes, trip)


TRIALS = (
    Trial(
        "unreachable",
        "live_migration_inbound_addr is wrong: nobody answers there",
        wrong_address,
        {"libvirt": {"live_migration_inbound_addr": NOWHERE}},
    ),
    Trial(
        "link-lost",
        "the source cannot reach the destination any more, after 3 s",
        link_down,
    ),
)
