# SPDX-License-Identifier: Apache-2.0
"""What can be seen of a migration: its progress, and the audit log."""

import contextlib
import json
import time
from typing import Any

from livelab.checks.trial import Notes, Trial
from livelab.checks.world import World
from livelab.errors import LabError

AUDIT = "nova/livemig_gpu/audit.log"
OURS = "livemig_gpu.migration"


def progress(world: World, notes: Notes) -> None:
    """What `openstack server migration show` asks, in mid-migration."""
    trip = world.moving(world.server(), 8)
    number = (trip.record() or {})["id"]
    path = f"/servers/{trip.server_id}/migrations/{number}"
    seen = []
    for _ in range(2):
        seen.append(world.client.rest.get("nova-api", path)["migration"])
        time.sleep(6)
    first, second = seen
    figures = {
        what: second[f"memory_{what}_bytes"]
        for what in ("total", "processed", "remaining")
    }
    notes.expect("memory figures are shown", all(figures.values()), figures)
    before = first["memory_processed_bytes"] or 0
    notes.expect(
        "and grow",
        before < (figures["processed"] or 0),
        f"{before} then {figures['processed']}",
    )
    # On a busy machine the load is slow, and it may have converged.
    with contextlib.suppress(LabError):
        trip.force_complete()
    trip.wait_over()


def audit(world: World, notes: Notes) -> None:
    trip = world.moving(world.server(), 1)
    trip.force_complete()
    trip.wait_over()
    there = world.other(trip.source).name
    _audited(world, notes, trip.source, there, trip.server_id, "completed")
    back = world.moving(world.server(), 1)
    back.abort()
    back.wait_over()
    _audited(world, notes, there, trip.source, trip.server_id, "cancelled")


def _audited(
    world: World,
    notes: Notes,
    source: str,
    dest: str,
    server_id: str,
    result: str,
) -> None:
    lines = _lines(world, source, server_id)
    ours = [line for line in lines if line["event"] == OURS][-2:]
    notes.expect(
        f"{result}: a start and an end",
        [line["phase"] for line in ours] == ["start", "end"],
        [(line["phase"], line["result"]) for line in ours],
    )
    last = ours[-1] if ours else {}
    notes.expect(
        f"{result}: who, from, to, result",
        bool(last.get("user_id"))
        and (last.get("source"), last.get("destination")) == (source, dest)
        and last.get("result") == result,
        last,
    )
    theirs = [line for line in lines if line["event"] != OURS]
    notes.show(
        f"{result}: Nova's own lines",
        sorted({f"{x['event']}.{x['phase']}" for x in theirs}),
    )


def _lines(world: World, host: str, server_id: str) -> list[dict[str, Any]]:
    file = world.site.network[host].dir / AUDIT
    found = [json.loads(line) for line in file.read_text().splitlines()]
    return [line for line in found if line["server"] == server_id]


TRIALS = (
    Trial("progress", "progress of a migration by the API", progress),
    Trial("audit", "the audit log of two migrations", audit, stock=False),
)
