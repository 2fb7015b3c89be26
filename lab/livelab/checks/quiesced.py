# SPDX-License-Identifier: Apache-2.0
"""A server that is frozen for its switchover must not stay so.

Its guest has QEMU's agent, and writes to a file system ten times a second
unless that is frozen.
"""

import json
import re
import time
from typing import Any

from livelab.checks import common, kills
from livelab.checks.trial import Notes, Trial
from livelab.checks.trip import Trip
from livelab.checks.world import World
from livelab.cloud.ini import Sections
from livelab.cloud.records import Server
from livelab.errors import LabError

LOAD = (96, 80)
_HOOK = {"hooks": "quiesce"}
#: The staircase asks for the switchover at once, and does not get it: the
#: server is frozen for half a minute.
FROZEN: Sections = {"livemig_gpu": {**_HOOK, "policy": "nova-staircase"}}
POSTCOPY: Sections = {
    "libvirt": {"live_migration_permit_post_copy": True},
    "livemig_gpu": {**_HOOK, "postcopy": "allow"},
}
#: Mbit/s: all memory needs half a minute, most of it in post-copy.
SLOW = 60
RECORDS = "nova/livemig_gpu/records"
#: The agent's answer: it has one file system, and has frozen it.
FROZEN_ONE = {"return": 1}
IN_POSTCOPY = "running (post-copy)"


def killed(world: World, notes: Notes) -> None:
    """kill -9 nova-compute while the server is frozen; start it again."""
    server = _server(world)
    trip = world.migrate(server)
    world.wait(
        lambda: _fsfreeze(world, server, trip.source) == "frozen", "frozen"
    )
    service = world.compute(trip.source)
    pid = kills.kill(service.daemon)
    frozen_s = time.monotonic()
    time.sleep(3)
    notes.expect(
        "frozen while nova-compute is dead",
        not _writes(world, server),
        _fsfreeze(world, server, trip.source),
    )
    kills.restart(world, service, pid)
    try:
        world.wait(
            lambda: _fsfreeze(world, server, trip.source) == "thawed",
            "a thaw",
            20,
        )
    except LabError as error:
        notes.expect("thawed after the restart", False, error)
    else:
        after_s = time.monotonic() - frozen_s
        notes.expect(
            "thawed after the restart", True, f"{after_s:.0f} s after the kill"
        )
    notes.expect("it writes", _writes(world, server), _mark(world, server))
    common.stays(world, notes, trip, ("failed", "error", "cancelled"), "stop")


def postcopy(world: World, notes: Notes) -> None:
    """Thawed as soon as it runs there, not when all memory is there."""
    server = _server(world)
    source = world.client.server_show(server.id).host or ""
    host = world.site.network[source]
    world.undo.callback(host.shape, host.rate_mbit)
    host.shape(SLOW)
    trip = world.migrate(server)
    there = world.other(trip.source).name
    world.wait(lambda: trip.status == IN_POSTCOPY, "post-copy", 120)
    begun_s = time.monotonic()
    while trip.status == IN_POSTCOPY:
        if _fsfreeze(world, server, there) == "thawed":
            break
        time.sleep(0.2)
    thawed_s = time.monotonic() - begun_s
    notes.expect(
        "thawed while post-copy runs",
        trip.status == IN_POSTCOPY,
        f"{thawed_s:.1f} s after its start, {trip.status}",
    )
    status = trip.wait_over()
    lasted_s = time.monotonic() - begun_s
    notes.show("post-copy took", f"{lasted_s:.1f} s")
    note = _note(world, trip)
    notes.expect("frozen before it", note.get("agent") == FROZEN_ONE, note)
    notes.expect("completed", status == "completed", status)
    common.runs_once(world, notes, server.id, there)
    notes.expect("it writes", _writes(world, server), _mark(world, server))


def _server(world: World) -> Server:
    server = world.server(LOAD, agent=True)
    host = world.client.server_show(server.id).host or ""
    world.wait(
        lambda: _fsfreeze(world, server, host) == "thawed", "an agent", 60
    )
    return server


def _note(world: World, trip: Trip) -> dict[str, Any]:
    """What the hook says in the migration's record of its freezing."""
    name = f"{(trip.record() or {})['uuid']}.json"
    record = json.loads(
        (world.site.network[trip.source].dir / RECORDS / name).read_text()
    )
    found = record.get("hooks", {}).get("quiesce", {})
    notes = found.get("before_switchover") or [{}]
    return dict(notes[0])


def _fsfreeze(world: World, server: Server, host: str) -> str:
    """What the agent says of its file systems; "" where it does not."""
    command = json.dumps({"execute": "guest-fsfreeze-status"})
    words = ("qemu-agent-command", "--timeout", "3", server.id, command)
    said = world.virsh(world.site.network[host], *words, check=False)
    try:
        found: str = json.loads(said.splitlines()[0])["return"]
    except (IndexError, KeyError, TypeError, ValueError):
        return ""
    return found


def _mark(world: World, server: Server) -> int:
    marks = re.findall(r"FS (\d+)\s", world.client.console_log(server.id))
    return int(marks[-1]) if marks else 0


def _writes(world: World, server: Server) -> bool:
    """Whether it writes to its file system."""
    before = _mark(world, server)
    time.sleep(2)
    return _mark(world, server) > before + 2


TRIALS = (
    Trial(
        "quiesced-kill",
        "kill -9 nova-compute while the server is frozen, start it again",
        killed,
        options=FROZEN,
        stock=False,
    ),
    Trial(
        "quiesced-postcopy",
        "a frozen server goes to post-copy over a slow link",
        postcopy,
        options=POSTCOPY,
        stock=False,
    ),
)
