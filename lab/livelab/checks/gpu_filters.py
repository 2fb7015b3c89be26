# SPDX-License-Identifier: Apache-2.0
"""What scheduler and filters do with a server that has a vGPU."""

import json
import re
from pathlib import Path
from typing import Any

from livelab.checks import gpu_hosts
from livelab.checks.gpu_hosts import Change, GpuCloud
from livelab.checks.trial import Notes, Trial
from livelab.checks.trip import Trip
from livelab.checks.world import World
from livelab.cloud import conf, services, sql

CODES = {
    "gpu-board": "vgpu.board",
    "gpu-driver": "vgpu.driver",
    "gpu-ecc": "vgpu.ecc",
}
NO_ECC: Change = {"gpu": {"ecc": 0}}
EXPLAIN = """\
import json, sys
from nova import config, context, objects
config.parse_args(["explain", "--config-file", sys.argv[1]])
objects.register_all()
from dataclasses import asdict
from nova_livemig_gpu.scheduler.explain import explain
rows = explain(context.get_admin_context(), sys.argv[2])
print(json.dumps([asdict(row) for row in rows]))
"""


def only_host(world: World, notes: Notes) -> None:
    """One of five hosts can receive the server; others look better."""
    cloud = GpuCloud(world)
    cloud.set()
    memory = _memory(world)
    notes.expect(
        "Nova's weighers like the others better",
        all(memory[name] > memory[cloud.other] for name in CODES),
        f"MiB of memory: {memory}",
    )
    since = scheduler_size(world)
    trip = Trip(world.client, cloud.server.id)
    arrived(notes, cloud, trip)
    line = scheduler_line(world, since)
    notes.expect("the scheduler tells whom it refused", named(line), line)


def no_host(world: World, notes: Notes) -> None:
    """None of five hosts can receive the server."""
    cloud = GpuCloud(world)
    cloud.set(other=NO_ECC)
    since = scheduler_size(world)
    trip = Trip(world.client, cloud.server.id)
    stayed(notes, cloud, trip, ("vgpu.board 1", "vgpu.ecc 2"))
    notes.expect(
        "the owner is told no names of hosts",
        not re.search(r"gpu-(board|driver|ecc)|compute[12]", trip.reason()),
        trip.reason(),
    )
    line = scheduler_line(world, since)
    notes.expect(
        "the scheduler names codes and hosts",
        named(line) and cloud.other in line,
        line,
    )
    table = explain(world, cloud.server.id)
    found = {
        row["host"]: row["code"]
        for row in table
        if row["filter"] == "VGPUCompatibilityFilter"
    }
    wanted = {**CODES, cloud.other: "vgpu.ecc"}
    notes.expect("explain() has all hosts", found == wanted, found)
    for row in table:
        notes.show(f"explain: {row['filter']}", f"{row['verdict']} {row}")


def arrived(notes: Notes, cloud: GpuCloud, trip: Trip) -> None:
    """The server runs on the only host that fits, and is counted there."""
    status = trip.wait_over()
    server = cloud.world.client.server_show(cloud.server.id)
    notes.expect(
        "goes to the only host that fits",
        (status, server.host) == ("completed", cloud.other),
        f"{status}, {cloud.source} -> {server.host}: {trip.reason()}",
    )
    _counted(notes, cloud, cloud.other)


def stayed(
    notes: Notes, cloud: GpuCloud, trip: Trip, words: tuple[str, ...]
) -> None:
    """The server is where it was, counted there alone, and why."""
    status = trip.wait_over()
    server = cloud.world.client.server_show(cloud.server.id)
    notes.expect(
        "server ACTIVE on its source",
        (server.status, server.host) == ("ACTIVE", cloud.source),
        f"{server.status} on {server.host}, migration {status}",
    )
    notes.expect("migration error", status in ("error", "failed"), status)
    reason = trip.reason()
    notes.expect(
        "the instance action has the reason",
        all(word in reason for word in words),
        reason,
    )
    _counted(notes, cloud, cloud.source)


def _counted(notes: Notes, cloud: GpuCloud, host: str) -> None:
    found = cloud.world.allocations(cloud.server.id)
    notes.expect("nothing stays claimed elsewhere", found == [host], found)


def scheduler_size(world: World) -> int:
    """How long the scheduler's log is."""
    return _scheduler(world).stat().st_size


def scheduler_line(world: World, since: int) -> str:
    """What the filter for vGPUs told since then."""
    text = _scheduler(world).read_bytes()[since:].decode(errors="replace")
    lines = [
        line.partition("Live migration of ")[2]
        for line in text.splitlines()
        if " VGPUCompatibilityFilter " in line
    ]
    return "\n".join(lines) or "no line"


def named(line: str) -> bool:
    """Whether it has each fake host, and its code."""
    return all(code in line and host in line for host, code in CODES.items())


def explain(world: World, server_id: str) -> list[dict[str, Any]]:
    """What ``nova_livemig_gpu.scheduler.explain`` tells of a server."""
    site = world.site
    words = [EXPLAIN, str(conf.nova_file(site)), server_id]
    done = site.controller.run(
        [f"{site.venv}/bin/python", "-c", *words], env=site.program_env
    )
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _scheduler(world: World) -> Path:
    return services.nova_controllers(world.site)[1].daemon.log


def _memory(world: World) -> dict[str, int]:
    rows = sql.query(
        world.site,
        "select host, free_ram_mb from nova.compute_nodes where deleted = 0",
    )
    return {host: int(mib) for host, mib in rows}


TRIALS = tuple(
    Trial(name, does, run, stock=False, prepare=gpu_hosts.prepare)
    for name, does, run in (
        ("gpu-one-host", "one of four other hosts fits a vGPU", only_host),
        ("gpu-no-host", "no host fits a vGPU", no_host),
    )
)
