# SPDX-License-Identifier: Apache-2.0
"""Requests in each of the first seconds, before libvirt has a job.

With the plugin a migration is measured first, for five seconds, and a hook
here takes three more before libvirt is asked.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from livelab.checks.trial import Notes, Trial
from livelab.checks.trip import Trip, answer
from livelab.checks.world import BASE, World
from livelab.cloud import computes
from livelab.cloud.ini import Sections, merge
from livelab.cloud.mode import Mode
from livelab.errors import LabError

PACKAGE = "livelab_check_hooks"
MODULE = """\
import time

from nova_livemig_gpu.migration.hooks import Hook


class Slow(Hook):
    def before_start(self, facts):
        time.sleep(3)
"""
OPTIONS: Sections = {"livemig_gpu": {"hooks": "check_slow"}}
SECONDS = (0, 1, 2, 3, 4, 6, 8)
#: That a request is repeated for, where the API says that it is too early
PATIENCE_S = 15
#: After it nothing more becomes of a server
SETTLED_S = 3
#: A force-complete that counts ends a migration within that
FORCED_S = 40


def install(folder: Path) -> None:
    """A package with our hook, found through PYTHONPATH."""
    info = folder / f"{PACKAGE}-1.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Name: {PACKAGE}\nVersion: 1\n")
    (folder / f"{PACKAGE}.py").write_text(MODULE)
    (info / "entry_points.txt").write_text(
        f"[nova_livemig_gpu.hooks]\ncheck_slow = {PACKAGE}:Slow\n"
    )


def prepare(world: World) -> None:
    folder = world.site.state / "check-hooks"
    install(folder)
    computes.use(
        Mode(
            world.driver,
            merge(BASE, OPTIONS),
            env={
                host.name: {"PYTHONPATH": str(folder)}
                for host in world.site.computes
            },
        ),
        site=world.site,
    )


def abort(world: World, notes: Notes) -> None:
    server = world.server()
    for second in SECONDS:
        trip = world.migrate(server)
        said = _at(trip, second, trip.abort)
        status = _over(trip, 60)
        _note(
            world,
            notes,
            trip,
            second,
            f"{said}; {status}",
            status,
            trip.source,
        )


def force(world: World, notes: Notes) -> None:
    server = world.server()
    for second in SECONDS:
        trip = world.migrate(server)
        said = _at(trip, second, trip.force_complete)
        status = _over(trip, FORCED_S)
        took = time.monotonic() - trip.began
        there = world.other(trip.source).name
        said = f"{said}; {status} after {took:.0f} s"
        _note(world, notes, trip, second, said, status, there)
        if status != "completed":
            _end(world, trip)
    wrong = world.memory_wrong(server.id)
    notes.expect("memory is right", not wrong, "wrong" if wrong else "right")


def _at(trip: Trip, second: float, ask: Callable[[], None]) -> str:
    """Ask so many seconds after the start, until the API takes it."""
    time.sleep(max(trip.began + second - time.monotonic(), 0))
    while True:
        passed = time.monotonic() - trip.began
        try:
            ask()
        except LabError as error:
            if passed > second + PATIENCE_S:
                return answer(error)[:80]
            time.sleep(0.1)
        else:
            return f"taken at {passed:.1f} s"


def _over(trip: Trip, timeout: float) -> str:
    try:
        return trip.wait_over(timeout)
    except LabError:
        return f"still {trip.status}"


def _note(
    world: World,
    notes: Notes,
    trip: Trip,
    second: int,
    said: str,
    status: str,
    host: str,
) -> None:
    """Whether it ended as it was asked to, the server ACTIVE and running
    once, on that host."""
    wanted = "cancelled" if host == trip.source else "completed"
    # Nova says ERROR a moment after the migration is over.
    time.sleep(SETTLED_S)
    server = world.client.server_show(trip.server_id)
    where = world.domains(trip.server_id)
    for _ in range(20):
        if list(where) == [host] and where[host].startswith("running"):
            break
        time.sleep(0.5)
        where = world.domains(trip.server_id)
    good = status == wanted
    good = good and (server.status, server.host) == ("ACTIVE", host)
    good = good and list(where) == [host]
    good = good and where[host].startswith("running")
    notes.expect(
        f"{second} s: {wanted}, ACTIVE, runs once",
        good,
        f"{said}; {server.status} on {server.host}, {where}",
    )
    if server.status == "ERROR" and status in ("cancelled", "failed", "error"):
        world.client.reset_state(trip.server_id)


def _end(world: World, trip: Trip) -> None:
    """One that goes on for ever."""
    with contextlib.suppress(LabError):
        trip.abort()
        trip.wait_over(40)
    if world.client.server_show(trip.server_id).status == "ERROR":
        world.client.reset_state(trip.server_id)


TRIALS = (
    Trial(
        "early-abort",
        "abort in each of the first seconds; measured for 5 s, a hook for 3",
        abort,
        prepare=prepare,
    ),
    Trial(
        "early-force",
        "force-complete in each of the first seconds; the same",
        force,
        prepare=prepare,
    ),
)
