# SPDX-License-Identifier: Apache-2.0
"""The migrations of ``lab/predict``, simulated: the simulator's error.

The simulator's constants (``planning.fitting``: rate, set-up, overhead,
jitter, one set for each link) are fitted to every second migration and judged
by the others, and the other way round, so that no run is judged by constants
that it had a part in. What the guest writes is what it was told to write;
nothing of the measured dirty curve is used.
"""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from livelab.benching.compared import Compared
from livelab.predicting import journey
from livelab.predicting.loads import LOADS
from nova_livemig_gpu.model import JobState, Pass, Surroundings
from nova_livemig_gpu.planning import guestwrites as writes
from nova_livemig_gpu.planning.fitting import Run, fit
from nova_livemig_gpu.planning.host import Guest, Hosts
from nova_livemig_gpu.planning.qemu import Seen
from nova_livemig_gpu.planning.simulator import Scenario, simulate

Row = Mapping[str, Any]
SEEDS = 3
#: As ``lab/predict`` had it.
OVERHEAD_MS = 100
#: A guest that is not held back writes about that much.
FREE_MIB_S = 500
_MIB = 2**20


def writer(load: Mapping[str, Any]) -> writes.Writer:
    """What a load of ``lab/predict`` writes."""
    rate, size = load["rate"] * _MIB, load["ws"] * _MIB
    if not rate:
        return writes.Idle()
    match load.get("pattern"):
        case "random":
            return writes.Random(rate, size)
        case "burst":
            return writes.Burst(rate, size, load["period"])
        case "grow":
            return writes.Grow(rate, size, load["period"])
    if "share" not in load:
        return writes.Sweep(rate, size)
    part, hot = load["share"] / 100, load["hot"] / 100
    return writes.Threads(
        (
            writes.Sweep(rate * hot, size * part),
            writes.Sweep(rate * (1 - hot), size * (1 - part)),
        )
    )


def retell(rows: Iterable[Row]) -> list[Compared]:
    """All migrations but those that calibrated the predictions."""
    asked = [row for row in rows if row["repeat"] >= 0]
    halves = (asked[0::2], asked[1::2])
    found = []
    for known, judged in (halves, halves[::-1]):
        hosts = {
            link: fitted(known or judged, link)
            for link in {row["link_mbps"] for row in judged}
        }
        found += [_told(row, hosts[row["link_mbps"]]) for row in judged]
    return sorted(found, key=lambda told: told.key)


def fitted(rows: Sequence[Row], link_mbps: int) -> Hosts:
    """Constants of a link."""
    start = Hosts(link_mbps, overhead_ms=0.0, end_s=0.0)
    done = [
        row
        for row in rows
        if row["link_mbps"] == link_mbps and row["did"]["completed"]
    ]
    return fit([_run(row, start) for row in done], start)


def _run(row: Row, start: Hosts) -> Run:
    did = row["did"]
    return Run(
        link_mbps=row["link_mbps"],
        total_s=did["total_ms"] / 1e3,
        sent_bytes=did["sent_bytes"],
        passes=tuple(Pass(**each) for each in did["each"]),
        downtime_ms=did["downtime_ms"],
        copy_ms=_again(row, start, 0).downtime_ms,
    )


def _again(row: Row, hosts: Hosts, seed: int) -> Seen:
    load, did, total = LOADS[row["load"]], row["did"], row["before"]
    zero = did["zero_bytes"]
    whole = total["total_bytes"]
    nonzero = row["known"]["normal_bytes"] or whole
    began_s = float(row["guest"].rpartition("@")[2])
    guest = Guest(
        whole,
        int(nonzero if zero is None else whole - zero),
        writer(load),
        cpu_share=max(load["rate"] / FREE_MIB_S, 0.01),
        age_s=max(row["at"] - did["elapsed_s"] - began_s, 0.0),
    )
    policy = journey.policy_for(
        row["budget_ms"],
        row["timeout_s"],
        Surroundings(overhead_ms=OVERHEAD_MS),
    )
    scenario = Scenario(
        guest, hosts, policy.budget, policy.around, seed, row["timeout_s"] + 1
    )
    return simulate(type(policy), scenario).seen


def _told(row: Row, hosts: Hosts) -> Compared:
    seen = [_again(row, hosts, seed) for seed in range(SEEDS)]
    ended = [each for each in seen if each.state is JobState.COMPLETED]
    most = 2 * len(ended) > SEEDS
    did = row["did"]
    return Compared(
        key=row["key"],
        real_s=did["total_ms"] / 1e3 if did["completed"] else None,
        simulated_s=median(x.total_s for x in ended) if most else None,
        real_ms=did["downtime_ms"],
        simulated_ms=median(x.downtime_ms or 0.0 for x in ended)
        if most
        else None,
    )
