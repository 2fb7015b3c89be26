# SPDX-License-Identifier: Apache-2.0
"""The target's mdev vanishes, or is another type's, after Nova made it."""

import functools
import threading

from livelab.checks.trial import Notes
from livelab.errors import LabError
from livelab.vfio import mdev
from livelab.vfio.machine import Machine
from livelab.vfio.trials.bench import MIGRATE_S, Bench
from livelab.vfio.trials.trial import Trial

WATCH = """\
for i in $(seq 1200); do
    u=$(ls /sys/bus/mdev/devices | head -n 1)
    [ -z "$u" ] || break
    sleep 0.05
done
[ -n "$u" ] || exit 1
echo 1 >/sys/bus/mdev/devices/$u/remove || exit 2
"""
OTHER = f"""\
echo $u >{mdev.PARENT}/mdev_supported_types/mtty-2/create
"""


def _run(other: bool, bench: Bench, notes: Notes) -> None:
    server = bench.server()
    before = bench.ready(server.id)
    script = WATCH + (OTHER if other else "")
    watcher = _Watcher(before.target, script)
    watcher.start()
    trip = bench.migrate(server.id)
    trip.wait_over(MIGRATE_S)
    watcher.join(MIGRATE_S)
    notes.show("taken away", watcher.said)
    if other:
        # A type that Nova does not know is not its to remove.
        mdev.clean(before.target)
    bench.stays(notes, trip, before)
    bench.arrives(notes, server.id, "the next try arrives, contents intact")


class _Watcher(threading.Thread):
    def __init__(self, machine: Machine, script: str) -> None:
        super().__init__(daemon=True)
        self._machine, self._script = machine, script
        self.said = "nothing"

    def run(self) -> None:
        try:
            answer = self._machine.ask(self._script, timeout=MIGRATE_S)
            self.said = f"exit code {answer.code} {answer.text}"
        except LabError as error:
            self.said = str(error)


TRIALS = (
    Trial(
        "mdev-missing",
        "the target's mdev is removed as soon as Nova has made it",
        functools.partial(_run, False),
    ),
    Trial(
        "mdev-other-type",
        "... and made again with another type",
        functools.partial(_run, True),
    ),
)
