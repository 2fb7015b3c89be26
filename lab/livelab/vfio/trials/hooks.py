# SPDX-License-Identifier: Apache-2.0
"""Hooks that fail, hang or refuse at every step."""

import functools
import json
from pathlib import Path

from livelab import paths
from livelab.checks.trial import Notes
from livelab.vfio.trials import knobs
from livelab.vfio.trials.bench import MIGRATE_S, Bench
from livelab.vfio.trials.trial import Trial

STEPS = (
    "preflight",
    "before_start",
    "after_pass",
    "before_switchover",
    "after_switchover",
    "completed",
    "failed",
)
TIMEOUT_S = 2
#: Put on nova-compute's path: a package with an entry point of its own.
MODULE = """\
import json, pathlib, time
from nova_livemig_gpu.migration.hooks import Hook

ORDERS = pathlib.Path(__file__).with_name("orders.json")


def _do(step):
    order = json.loads(ORDERS.read_text()).get(step)
    if order == "raise":
        raise RuntimeError(f"{step} was told to fail")
    if order == "hang":
        time.sleep(20)
    return order


class Naughty(Hook):
    def preflight(self, facts):
        order = _do("preflight")
        return "the hook was told to refuse" if order == "refuse" else None
"""
METHOD = """
    def {step}(self, facts, *more):
        _do("{step}")
        return {{"step": "{step}"}}
"""
NAME = "lab-naughty"


def install(state: Path) -> Path:
    """The folder to put on nova-compute's path."""
    folder = state / "trial-hooks"
    info = folder / "lab_naughty-1.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    methods = "".join(METHOD.format(step=step) for step in STEPS[1:])
    (folder / "lab_naughty.py").write_text(MODULE + methods)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: lab-naughty\nVersion: 1\n"
    )
    (info / "entry_points.txt").write_text(
        f"[nova_livemig_gpu.hooks]\n{NAME} = lab_naughty:Naughty\n"
    )
    orders({})
    return folder


def orders(given: dict[str, str]) -> None:
    """What the hook does from now on, step by step."""
    file = paths.state_dir() / "trial-hooks" / "orders.json"
    file.write_text(json.dumps(given))


def _bad(order: str, bench: Bench, notes: Notes) -> None:
    """It arrives all the same; the record has every step."""
    server = bench.server()
    before = bench.ready(server.id)
    orders(dict.fromkeys(STEPS, order))
    try:
        trip = bench.migrate(server.id)
        status = trip.wait_over(MIGRATE_S)
    finally:
        orders({})
    bench.came(notes, trip, before, "arrives, contents intact", status)
    kept = bench.record(trip, before.host).get("hooks", {}).get(NAME, {})
    called = [step for step in STEPS if step not in ("after_pass", "failed")]
    without = [step for step in called if "error" not in str(kept.get(step))]
    notes.expect("each error is in the record", not without, kept)
    bench.arrives(notes, server.id, "the next try arrives, contents intact")


def _failed(order: str, bench: Bench, notes: Notes) -> None:
    """The migration fails, and so does the step for that."""
    server = bench.server()
    before = bench.ready(server.id)
    knobs.turn(before.source, before.device, fault_stop_error=1)
    orders({"failed": order})
    try:
        trip = bench.migrate(server.id)
        trip.wait_over(MIGRATE_S)
    finally:
        orders({})
    knobs.turn(before.source, before.device, **knobs.CALM)
    bench.stays(notes, trip, before)
    kept = bench.record(trip, before.host).get("hooks", {}).get(NAME, {})
    notes.expect(
        "the error is in the record", "error" in str(kept.get("failed")), kept
    )
    bench.arrives(notes, server.id, "the next try arrives, contents intact")


def _refuse(bench: Bench, notes: Notes) -> None:
    server = bench.server()
    before = bench.ready(server.id)
    orders({"preflight": "refuse"})
    try:
        trip = bench.migrate(server.id)
        trip.wait_over(MIGRATE_S)
    finally:
        orders({})
    bench.stays(notes, trip, before)
    reason = trip.reason()
    notes.expect("its words are told", "told to refuse" in reason, reason)
    bench.arrives(notes, server.id, "the next try arrives, contents intact")


TRIALS = (
    Trial(
        "hooks-fail",
        "every step of a hook raises",
        functools.partial(_bad, "raise"),
    ),
    Trial(
        "hooks-hang",
        f"every step hangs, {TIMEOUT_S} s are allowed",
        functools.partial(_bad, "hang"),
    ),
    Trial(
        "hook-failed-fails",
        "the step `failed` raises",
        functools.partial(_failed, "raise"),
    ),
    Trial(
        "hook-failed-hangs",
        "the step `failed` hangs",
        functools.partial(_failed, "hang"),
    ),
    Trial("hook-refuses", "a preflight refuses", _refuse),
)
