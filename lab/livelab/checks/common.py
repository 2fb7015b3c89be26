# SPDX-License-Identifier: Apache-2.0
"""What many trials look at in the end."""

import time

from livelab.checks.trial import Notes
from livelab.checks.trip import Trip, answer
from livelab.checks.world import World
from livelab.errors import LabError

SETTLE_S = 15.0


def stays(
    world: World,
    notes: Notes,
    trip: Trip,
    wanted: tuple[str, ...],
    words: str | None = "",
) -> None:
    """The migration failed: the server is well on its source, and why.

    words: what the reason must contain; None: there need be none.
    """
    status = trip.wait_over()
    server = world.client.server_show(trip.server_id)
    notes.expect(
        "server ACTIVE on its source",
        (server.status, server.host) == ("ACTIVE", trip.source),
        f"{server.status} on {server.host}, fault {server.fault}",
    )
    runs_once(world, notes, trip.server_id, trip.source)
    notes.expect(f"migration {' or '.join(wanted)}", status in wanted, status)
    if words is None:
        notes.show("reason in the instance action", trip.reason())
    else:
        told(notes, trip, words)


def told(notes: Notes, trip: Trip, words: str = "") -> None:
    """The instance action gives a reason."""
    reason = trip.reason()
    event = trip.steering()
    good = event is not None and event.result == "Error"
    good = good and bool(event and event.details)
    notes.expect(
        "reason in the instance action",
        good and words.lower() in reason.lower(),
        reason,
    )


def runs_once(world: World, notes: Notes, server_id: str, host: str) -> None:
    """One guest, running, there; the other end may need a moment."""
    limit = time.monotonic() + SETTLE_S
    while list(where := world.domains(server_id)) != [host]:
        if time.monotonic() > limit:
            break
        time.sleep(0.5)
    notes.expect(
        "runs once",
        list(where) == [host] and where[host].startswith("running"),
        where,
    )


def moves_again(world: World, notes: Notes, trip: Trip) -> None:
    """Another migration, at once; for a busy guest it is seen to flow."""
    try:
        again = Trip(world.client, trip.server_id)
        again.wait_flow(0.5)
        again.force_complete()
        status = again.wait_over()
    except LabError as error:
        notes.expect("next migration works at once", False, answer(error))
        return
    notes.expect("next migration works at once", status == "completed", status)
