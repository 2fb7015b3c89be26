# SPDX-License-Identifier: Apache-2.0
"""The machines' clocks, set by this computer's.

libvirt tells a migration's downtime as the target's clock when the guest runs
there less the source's when it stopped (VIR_DOMAIN_JOB_DOWNTIME;
qemu_domainjob.c): what the clocks differ by is in it, longer one way and
shorter the other. A machine reads its own from a clock of whole seconds when
it boots, and loses or gains up to 0.1 ms a second.
"""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livelab.vfio.machine import Machine

LOOKS = 12
_SET = (
    "python3 -c 'import time; time.clock_settime(time.CLOCK_REALTIME, "
    "time.time() - ({:.6f}))'"
)


def ahead_s(machine: "Machine") -> float:
    """How far a machine's clock is ahead of this computer's; negative: behind.

    Midway between question and answer, of the quickest of some. The question
    takes longer than the answer, the same in every machine: two of them are
    told apart to a millisecond or two. Raises LabError.
    """
    return min(_look(machine) for _ in range(LOOKS))[1]


def set_right(machines: Iterable["Machine"]) -> None:
    """Set them; raises LabError."""
    for machine in machines:
        machine.run(_SET.format(ahead_s(machine)))


def _look(machine: "Machine") -> tuple[float, float]:
    """How long the answer took, and how far ahead the clock was."""
    before_s = time.time()
    there_s = float(machine.run("printf %s $EPOCHREALTIME"))
    after_s = time.time()
    return after_s - before_s, there_s - (before_s + after_s) / 2
