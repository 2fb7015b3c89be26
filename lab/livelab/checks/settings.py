# SPDX-License-Identifier: Apache-2.0
"""Settings of a server: from its flavor, its image, a changed file."""

import json
import signal
import time
from collections.abc import Mapping
from typing import Any

from livelab.checks.trial import Notes, Trial
from livelab.checks.trip import Trip
from livelab.checks.world import BUSY, IDLE, World
from livelab.cloud import conf, mode
from livelab.cloud.ini import Value, merge
from livelab.cloud.mode import Mode
from livelab.cloud.records import Server

FLAVOR = "check-set"
# For a signal to be heard and acted upon
SIGNAL_S = 3
FORCE = {
    "livemig_gpu:on_timeout": "force_complete",
    "livemig_gpu:timeout_s": "5",
    "livemig_gpu:postcopy": "forbid",
    "livemig_gpu:max_downtime_ms": "40",
}


def flavor(world: World, notes: Notes) -> None:
    """A server that cannot converge is paused at its timeout."""
    world.flavor(FLAVOR, FORCE)
    server = world.server(BUSY, FLAVOR)
    trip = world.migrate(server)
    status = trip.wait_over()
    ran_s = time.monotonic() - trip.began
    notes.expect("completed", status == "completed", status)
    found = record(world, trip)
    wanted = [(name.split(":")[1], value) for name, value in FORCE.items()]
    _settings(notes, found, wanted, "flavor")
    taken = [d for d in found["decisions"] if d["code"] == "deadline"]
    notes.expect(
        "paused at 5 s by force-complete",
        bool(taken) and 5 <= taken[0]["t_s"] < 6,
        [(d["t_s"], d["action"], d["refused"]) for d in taken],
    )
    notes.show("seconds in all", round(ran_s, 1))
    _sound(world, notes, server, trip)


def changed(world: World, notes: Notes) -> None:
    """`flavor set` on an existing server's flavor; nothing is restarted."""
    world.flavor(FLAVOR, {"livemig_gpu:goal": "fast"})
    server = world.server(IDLE, FLAVOR)
    for goal, limit in (("gentle", "120"), ("fast", "77")):
        words = ["flavor", "set", FLAVOR]
        words += ["--property", f"livemig_gpu:goal={goal}"]
        words += ["--property", f"livemig_gpu:max_downtime_ms={limit}"]
        world.client.openstack(*words, parse=False)
        found = _moved(world, notes, server)
        wanted = [("goal", goal), ("max_downtime_ms", limit)]
        _settings(notes, found, wanted, "flavor")


def image(world: World, notes: Notes) -> None:
    """An image property counts only where the operator allows it."""
    server = _with_image(world)
    found = _moved(world, notes, server)
    budget = found["budget"]
    notes.expect(
        "ignored where it is not allowed",
        budget["max_downtime_ms"] == 50,
        (budget["max_downtime_ms"], budget["sources"]["max_downtime_ms"]),
    )
    world.use({"livemig_gpu": {"image_properties": "max_downtime_ms"}})
    found = _moved(world, notes, server)
    _settings(notes, found, [("max_downtime_ms", "222")], "image")


def sighup(world: World, notes: Notes) -> None:
    """[livemig_gpu] changes in the file, nova-compute gets SIGHUP."""
    server = world.server(IDLE)
    pids = _pids(world)
    _rewrite(world, {"max_downtime_ms": 88, "goal": "gentle"})
    notes.expect("no restart", _pids(world) == pids, "same processes")
    trip = world.migrate(server)
    status = trip.wait_over()
    notes.expect("a migration completes", status == "completed", status)
    if world.plugin and status == "completed":
        wanted = [("max_downtime_ms", "88"), ("goal", "gentle")]
        _settings(notes, record(world, trip), wanted, "option")


def sighup_wrong(world: World, notes: Notes) -> None:
    """A wrong value arrives by SIGHUP: servers still migrate."""
    server = world.server(IDLE)
    size = world.log_size(str(server.host))
    _rewrite(world, {"max_downtime_ms": 3, "policy": "nosuch"})
    trip = world.migrate(server)
    status = trip.wait_over()
    notes.expect("the migration completes", status == "completed", status)
    log = world.log(str(server.host), size)
    said = [x for x in log.splitlines() if "max_downtime_ms" in x]
    notes.expect("the log says why", bool(said), said[-1:] or "nothing")


def _rewrite(world: World, values: Mapping[str, Value]) -> None:
    """Change [livemig_gpu] in the computes' files, and signal them."""
    before = mode.load(world.site.state)
    world.undo.callback(mode.save, world.site.state, Mode("stock"))
    world.undo.callback(conf.write_nova, world.site, before)
    options = merge(before.options, {"livemig_gpu": values})
    conf.write_nova(world.site, Mode(world.driver, options))
    for host in world.site.computes:
        running = world.compute(host.name).daemon.running()
        if running:
            running.signal(signal.SIGHUP)
    time.sleep(SIGNAL_S)


def record(world: World, trip: Trip) -> dict[str, Any]:
    """The plugin's record of a migration."""
    uuid = (trip.record() or {}).get("uuid")
    folder = world.site.network[trip.source].dir / "nova/livemig_gpu/records"
    data: dict[str, Any] = json.loads((folder / f"{uuid}.json").read_text())
    return data


def _moved(world: World, notes: Notes, server: Server) -> dict[str, Any]:
    trip = world.migrate(server)
    status = trip.wait_over()
    notes.expect("a migration completes", status == "completed", status)
    return record(world, trip)


def _settings(
    notes: Notes,
    found: dict[str, Any],
    wanted: list[tuple[str, str]],
    source: str,
) -> None:
    budget = found["budget"]
    for name, value in wanted:
        got = budget[name]
        if name == "postcopy":
            got = "allow" if got else "forbid"
        if isinstance(got, float):
            got = int(got)
        notes.expect(
            f"{name} = {value} from {source}",
            str(got) == value and budget["sources"][name] == source,
            f"{budget[name]} from {budget['sources'][name]}",
        )


def _sound(world: World, notes: Notes, server: Server, trip: Trip) -> None:
    now = world.client.server_show(server.id)
    there = world.other(trip.source).name
    notes.expect(
        "ACTIVE on the destination",
        (now.status, now.host) == ("ACTIVE", there),
        f"{now.status} on {now.host}",
    )
    where = world.domains(server.id)
    running = where.get(there, "").startswith("running")
    notes.expect("runs there", list(where) == [there] and running, where)


def _with_image(world: World) -> Server:
    return world.server(IDLE, "", {"livemig_gpu_max_downtime_ms": "222"})


def _pids(world: World) -> list[int]:
    found = []
    for host in world.site.computes:
        running = world.compute(host.name).daemon.running()
        found.append(running.pid if running else 0)
    return found


TRIALS = (
    Trial(
        "flavor-timeout",
        "flavor: on_timeout=force_complete, timeout_s=5; no convergence",
        flavor,
        stock=False,
    ),
    Trial(
        "flavor-set",
        "`flavor set` for an existing server",
        changed,
        stock=False,
    ),
    Trial("image", "image property, allowed and not", image, stock=False),
    Trial("sighup", "a changed file and SIGHUP", sighup),
    Trial(
        "sighup-wrong",
        "a wrong value in the file and SIGHUP",
        sighup_wrong,
        stock=False,
    ),
)
