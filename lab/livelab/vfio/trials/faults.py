# SPDX-License-Identifier: Apache-2.0
"""The device fails, at the source or at the target."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

from livelab.checks.trial import Notes
from livelab.vfio import mdev
from livelab.vfio.trials import knobs
from livelab.vfio.trials.bench import MIGRATE_S, Bench, Place
from livelab.vfio.trials.trial import Trial

MIB = 1 << 20
FB_MIB = 16


@dataclass(frozen=True)
class Fault:
    """What is set before the migration.

    :ivar source: knobs of the server's device
    :ivar target: what the device at the target is made with
    :ivar arrives: it completes all the same; None: it may or may not
    :ivar intact: the module leaves the source's contents as they were
    :ivar told: what the reason must say
    """

    name: str
    does: str
    source: Mapping[str, int] = field(default_factory=dict)
    target: Mapping[str, int] = field(default_factory=dict)
    arrives: bool | None = False
    intact: bool = True
    told: str = ""
    precopy: bool = True
    specs: Mapping[str, str] = field(default_factory=dict)


FAULTS = (
    Fault(
        "slow-save",
        "each 64 KiB take 20 ms more to save",
        {"fault_save_delay_us": 20_000},
        arrives=True,
    ),
    Fault(
        "slow-save-cut",
        "each 64 KiB take 0.5 s more to save; 20 s are allowed",
        {"fault_save_delay_us": 500_000},
        specs={"livemig_gpu:timeout_s": "20"},
    ),
    Fault(
        "save-error",
        "read fails before the stop",
        {"fault_save_after": 4 * MIB},
    ),
    Fault("stop-error", "read fails in STOP_COPY", {"fault_stop_error": 1}),
    Fault(
        "load-error",
        "write fails at the target",
        target={"fault_load_after": 4 * MIB},
    ),
    Fault(
        "stuck",
        "write fails, and RESUMING cannot be left",
        target={"fault_load_after": 4 * MIB, "fault_stuck": 1},
    ),
    Fault(
        "no-resuming", "RESUMING cannot be entered", target={"fault_state": 4}
    ),
    Fault(
        "other-size",
        "the target's device has twice the framebuffer",
        target={"fb_mib": 32},
    ),
    Fault(
        "wrong-size-told",
        "a hundredfold of what is left is told",
        {"fault_size_percent": 10_000},
        arrives=None,
        precopy=False,
    ),
    Fault(
        "no-stop-copy",
        "STOP_COPY cannot be entered: QEMU resets it",
        {"fault_state": 3},
        intact=False,
        told="is lost although the server runs on",
    ),
)


def _run(fault: Fault, bench: Bench, notes: Notes) -> None:
    server = bench.server(precopy=fault.precopy)
    before = bench.ready(server.id)
    bench.specs(fault.specs)
    knobs.turn(before.source, before.device, **fault.source)
    knobs.put(before.target, **fault.target)
    trip = bench.migrate(server.id)
    status = trip.wait_over(MIGRATE_S)
    _calm(bench, before)
    if fault.arrives or (fault.arrives is None and status == "completed"):
        bench.came(notes, trip, before, "arrives, contents intact", status)
    else:
        bench.stays(notes, trip, before, intact=fault.intact)
        if fault.told:
            reason = trip.reason()
            notes.expect(
                f"the reason says {fault.told!r}",
                fault.told in reason.lower(),
                reason,
            )
    bench.specs({})
    bench.arrives(notes, server.id, "the next try arrives, contents intact")


def _calm(bench: Bench, before: Place, fb_mib: int = FB_MIB) -> None:
    for machine in bench.lab.machines:
        knobs.reset(machine)
        knobs.put(machine, fb_mib=fb_mib)
    if before.device in mdev.all_of(before.source):
        knobs.turn(before.source, before.device, **knobs.CALM)


TRIALS = tuple(
    Trial(fault.name, fault.does, functools.partial(_run, fault))
    for fault in FAULTS
)
