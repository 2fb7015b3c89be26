# SPDX-License-Identifier: Apache-2.0
"""`openstack server migration abort` in mid-migration."""

from livelab.checks import common
from livelab.checks.trial import Notes, Trial
from livelab.checks.trip import STEERING, Trip
from livelab.checks.world import World


def run(world: World, notes: Notes) -> None:
    trip = world.moving(world.server())
    record = trip.record() or {}
    words = ["server", "migration", "abort", trip.server_id]
    world.client.openstack(*words, str(record["id"]), parse=False)
    common.stays(world, notes, trip, ("cancelled",), "aborted")
    if world.plugin:
        _shown(world, notes, trip)
    common.moves_again(world, notes, trip)


def _shown(world: World, notes: Notes, trip: Trip) -> None:
    """As the operator reads it."""
    path = f"/servers/{trip.server_id}/os-instance-actions"
    listed = world.client.rest.get("nova-api", path)["instanceActions"]
    # The newest action is the abort itself.
    action = next(a for a in listed if a["action"] == "live-migration")
    text = world.client.openstack(
        "--os-compute-api-version",
        "2.84",
        *["server", "event", "show", trip.server_id],
        action["request_id"],
    )
    events = str(text.get("events"))
    notes.expect(
        "`openstack server event show` says why",
        STEERING in events and "aborted on request" in events,
        [e for e in text["events"] if e.get("event") == STEERING],
    )


TRIAL = Trial(
    "abort", "`openstack server migration abort` after 2 s of flow", run
)
