# SPDX-License-Identifier: Apache-2.0
"""What the loop costs nova-compute, and how soon it reacts."""

import json
import os
import re
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import livelab
from livelab.checks.trial import Notes, Trial
from livelab.checks.world import World
from livelab.cloud.ini import Sections
from livelab.errors import LabError
from livelab.libvirtd import Libvirtd

SECONDS = 65.0
IDLE_S = 15.0
MOST_CORE, MOST_MIB, MOST_S = 0.01, 30.0, 0.5
TICK = os.sysconf("SC_CLK_TCK")
RUNS = 3
STAMP = re.compile(r"^(\S+ \S+) .*start_postcopy", re.MULTILINE)

# What stock Nova took, for the plugin's turn of the same run.
_stock: dict[str, float] = {}


def cost(world: World, notes: Notes) -> None:
    """CPU and memory of nova-compute on the source, over a minute."""
    server = world.server()
    pid = _pid(world, str(server.host))
    before_mib = _rss_mib(pid)
    idle = _share(pid, IDLE_S)
    trip = world.moving(server, 3)
    share, threads, most_mib = _measure(pid, SECONDS)
    trip.force_complete()
    trip.wait_over()
    notes.show("share of a core without a migration", f"{idle:.4f}")
    notes.show("share of a core while migrating", f"{share:.4f}")
    notes.show("of its busiest threads", threads)
    notes.show(
        "memory before and most, MiB", f"{before_mib:.1f} {most_mib:.1f}"
    )
    if not world.plugin:
        _stock.update(share=share, mib=most_mib)
        return
    _judge(notes, share, most_mib, before_mib)


def _judge(notes: Notes, share: float, mib: float, before: float) -> None:
    if not _stock:
        return
    more = share - _stock["share"]
    notes.expect(
        "at most 1% of a core more", more <= MOST_CORE, f"{more:+.4f}"
    )
    grown = mib - min(_stock["mib"], before)
    notes.expect("at most 30 MB more", grown <= MOST_MIB, f"{grown:+.1f} MiB")


def reaction(world: World, notes: Notes) -> None:
    """From the end of the first pass to the switch that follows it."""
    for number in range(1, RUNS + 1):
        server = world.server()
        size = world.log_size(str(server.host))
        out = world.site.state / "results" / f"reaction-{number}.jsonl"
        out.parent.mkdir(exist_ok=True)
        watcher = _watch(world, server.id, out)
        try:
            world.migrate(server).wait_over()
        finally:
            watcher.kill()
            watcher.wait()
        taken = _reaction_s(world, str(server.host), size, out)
        notes.expect(
            f"run {number}: within {MOST_S} s",
            taken is not None and taken < MOST_S,
            "no decision" if taken is None else f"{taken:.3f} s",
        )


def _reaction_s(world: World, host: str, size: int, out: Path) -> float | None:
    found = STAMP.search(world.log(host, size))
    if not found:
        return None
    decided = datetime.fromisoformat(found[1]).timestamp()
    ends = [
        record["t"]
        for record in map(json.loads, out.read_text().splitlines())
        if record["kind"] == "iteration" and record["t"] <= decided
    ]
    return decided - ends[-1] if ends else None


def _watch(
    world: World, server_id: str, out: Path
) -> "subprocess.Popen[bytes]":
    out.unlink(missing_ok=True)
    uris = [Libvirtd(host).socket_uri for host in world.site.computes]
    lab = str(Path(*livelab.__path__).parent)
    words = [sys.executable, "-m", "livelab.watch", "--domain", server_id]
    words += ["--out", str(out), "--seconds", "120", *uris]
    watcher = subprocess.Popen(
        words,
        env={**os.environ, "PYTHONPATH": lab},
    )
    world.wait(out.exists, "a watcher")
    return watcher


def _pid(world: World, host: str) -> int:
    running = world.compute(host).daemon.running()
    if running is None:
        raise LabError(f"nova-compute on {host} does not run")
    return running.pid


def _share(pid: int, seconds: float) -> float:
    begin, ticks = time.monotonic(), _ticks(Path(f"/proc/{pid}"))
    time.sleep(seconds)
    spent = _ticks(Path(f"/proc/{pid}")) - ticks
    return spent / TICK / (time.monotonic() - begin)


def _measure(pid: int, seconds: float) -> tuple[float, str, float]:
    """Share of a core, the three busiest threads', most memory in MiB."""
    before = _threads(pid)
    most = 0.0
    begin, ticks = time.monotonic(), _ticks(Path(f"/proc/{pid}"))
    while time.monotonic() - begin < seconds:
        time.sleep(1)
        most = max(most, _rss_mib(pid))
    passed = time.monotonic() - begin
    share = (_ticks(Path(f"/proc/{pid}")) - ticks) / TICK / passed
    after = _threads(pid)
    spent = sorted(
        ((after[t] - before.get(t, 0)) / TICK / passed for t in after),
        reverse=True,
    )
    return share, " ".join(f"{s:.4f}" for s in spent[:3]), most


def _threads(pid: int) -> dict[str, int]:
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found[task.name] = _ticks(task)
        except OSError:
            continue
    return found


def _ticks(place: Path) -> int:
    """User and system time, fields 14 and 15 of proc(5)."""
    fields = (place / "stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _rss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


ALLOW: Sections = {
    "libvirt": {"live_migration_permit_post_copy": True},
    "livemig_gpu": {"postcopy": "allow"},
}
TRIALS = (
    Trial("cost", "CPU and memory of nova-compute over 65 s", cost),
    Trial(
        "reaction",
        "from a pass's end to the decision",
        reaction,
        ALLOW,
        stock=False,
    ),
)
