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
from livelab.cloud import conf, mode, services
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


def file_changed(world: World, notes: Notes) -> None:
    """[livemig_gpu] changes in the file; nobody is told."""
    server = world.server(IDLE)
    pids = _pids(world)
    _rewrite(world, {"max_downtime_ms": 88, "goal": "gentle"})
    found = _moved(world, notes, server)
    wanted = [("max_downtime_ms", "88"), ("goal", "gentle")]
    _settings(notes, found, wanted, "option")
    notes.expect("no restart", _pids(world) == pids, "same processes")


def file_wrong(world: World, notes: Notes) -> None:
    """Wrong values in the file: what was in force stays in force."""
    world.use({}, restart=True)
    server = world.server(IDLE)
    for name, value in (("max_downtime_ms", 3), ("policy", "nosuch")):
        source = str(world.client.server_show(server.id).host)
        size = world.log_size(source)
        _rewrite(world, {name: value})
        found = _moved(world, notes, server)
        budget = found.get("budget") or {}
        notes.expect(
            f"{name} = {value}: the old one stays",
            str(budget.get(name)) in ("50", "adaptive"),
            budget.get(name, "not steered"),
        )
        log = world.log(source, size)
        said = [x for x in log.splitlines() if name in x.lower()]
        said = [x for x in said if "ERROR" in x or "WARNING" in x]
        notes.expect(
            f"{name} = {value}: the log says why",
            bool(said),
            said[0][-200:] if said else "nothing",
        )
        world.undo.close()


def sighup(world: World, notes: Notes) -> None:
    """Nova 34 with native threads does not survive it; shown only."""
    server = world.server(IDLE)
    for host in world.site.computes:
        running = world.compute(host.name).daemon.running()
        if running:
            running.signal(signal.SIGHUP)
    time.sleep(SIGNAL_S)
    trip = world.migrate(server)
    notes.show("a migration", trip.wait_over())
    # Restart them all the same.
    world.undo.callback(mode.save, world.site.state, Mode("stock"))
    services.stop(services.nova_computes(world.site))


def _rewrite(world: World, values: Mapping[str, Value]) -> None:
    """Change [livemig_gpu] in the computes' files, until the undo."""
    before = mode.load(world.site.state)
    world.undo.callback(conf.write_nova, world.site, before)
    options = merge(before.options, {"livemig_gpu": values})
    conf.write_nova(world.site, Mode(world.driver, options))


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
    Trial(
        "file-changed",
        "the file changes, no signal, no restart",
        file_changed,
        stock=False,
    ),
    Trial("file-wrong", "wrong values in the file", file_wrong, stock=False),
    Trial("sighup", "SIGHUP to nova-compute", sighup),
)
