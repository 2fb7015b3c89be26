# SPDX-License-Identifier: Apache-2.0
"""A budget below what the device needs, and what is learnt of the device."""

import re
from collections.abc import Callable

import libvirt

from livelab.checks.trial import Notes
from livelab.vfio.trials.bench import MIGRATE_S, Bench
from livelab.vfio.trials.trial import Trial

TIGHT = {"livemig_gpu:max_downtime_ms": "500"}
LEARNT, SLACK = 5, 0.2


def refuse(bench: Bench, notes: Notes) -> None:
    server = bench.server(precopy=False, fb_mib=64)
    before = bench.ready(server.id)
    bench.specs({**TIGHT, "livemig_gpu:over_budget": "refuse"})
    trip = bench.migrate(server.id)
    bench.stays(notes, trip, before)
    reason = trip.reason()
    both = re.search(r"(\d+) ms.*max_downtime_ms.*500", reason)
    notes.expect("the reason has both numbers", both is not None, reason)
    record = bench.record(trip, before.host)
    notes.expect(
        "nothing was copied",
        not any(record.get("samples", {}).get("processed_bytes", [])),
        record.get("outcome"),
    )


def warn(bench: Bench, notes: Notes) -> None:
    server = bench.server(precopy=False, fb_mib=64)
    before = bench.ready(server.id)
    bench.specs({**TIGHT, "livemig_gpu:over_budget": "warn"})
    trip = bench.migrate(server.id)
    status = trip.wait_over(MIGRATE_S)
    bench.came(notes, trip, before, "goes, contents intact", status)
    record = bench.record(trip, before.host)
    said = {
        key: value
        for key, value in record.items()
        if key not in ("samples", "decisions", "budget", "plan")
    }
    notes.expect(
        "the record shows that it was over its budget",
        "max_downtime_ms 500" in str(said),
        said,
    )
    outcome = record.get("outcome") or {}
    notes.show("downtime, ms", outcome.get("downtime_ms"))


def learn(bench: Bench, notes: Notes) -> None:
    server = bench.server(precopy=False)
    for number in range(LEARNT + 2):
        before = bench.place(server.id)
        trip = bench.arrives(notes, server.id, f"migration {number + 1}")
        if trip is None:
            return
        record = bench.record(trip, before.host)
        told = (record.get("prediction") or {}).get("stun") or {}
        if not told:
            told = record.get("stun") or {}
        down = (record.get("outcome") or {}).get("downtime_ms")
        told_ms = told.get("p50_ms")
        # As virt.remember learns it: what is not memory's nor the stack's.
        real_ms = None if down is None else down - record["overhead_ms"]
        text = f"stun told {told_ms} ms, was {real_ms} ms of {down} ms down"
        if number < LEARNT:
            notes.show(f"told before {number + 1}", text)
            continue
        good = (
            told_ms is not None
            and real_ms is not None
            and abs(told_ms - real_ms) <= SLACK * real_ms
        )
        notes.expect(f"told before {number + 1}, within 20%", good, text)


def abort(bench: Bench, notes: Notes) -> None:
    server = bench.server()
    before = bench.ready(server.id)
    trip = bench.migrate(server.id)
    bench.wait(_flows(before.domain), "a flow", MIGRATE_S)
    trip.abort()
    bench.stays(notes, trip, before)
    bench.arrives(notes, server.id, "the next try arrives, contents intact")


def _flows(domain: libvirt.virDomain) -> Callable[[], bool]:
    return lambda: domain.jobStats().get("memory_processed", 0) > 0


TRIALS = (
    Trial("budget-refuse", "64 MiB in the pause, 500 ms, refuse", refuse),
    Trial("budget-warn", "64 MiB in the pause, 500 ms, warn", warn),
    Trial("learn", "seven migrations: stun told and measured", learn),
    Trial("abort", "migration abort in its flow", abort),
)
