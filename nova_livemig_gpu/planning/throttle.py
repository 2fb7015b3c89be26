"""QEMU's auto-converge, as a fold over its collections of dirty pages.

When dirty pages are collected and the last evaluation is more than a second
ago: if more was dirtied since then than half of what was sent since then,
the second time in a row counts: the throttle goes to 20% at first, then 10
points up, to 99% at most, and the counting starts anew. Less dirtied does
not lower it and does not reset the count of one.

Source: ``migration_trigger_throttle`` in QEMU's migration/ram.c with
``throttle-trigger-threshold`` 50, ``cpu-throttle-initial`` 20,
``cpu-throttle-increment`` 10, ``max-cpu-throttle`` 99; the steps can be set
at the start.

Example: collections at 4, 6, 8, 10 s, each with more dirtied than sent: 20%
at 6 s, 30% at 10 s.
"""

from dataclasses import dataclass, replace

from nova_livemig_gpu.model import ThrottleSteps
from nova_livemig_gpu.prediction.throttled import LEAST, MOST, THRESHOLD

#: Where nobody sets them.
QEMU_STEPS = ThrottleSteps(initial=LEAST, increment=10)
_PERIOD_S = 1.0


@dataclass(frozen=True)
class Throttle:
    """State between two collections.

    :ivar percent: in force; 0: none
    :ivar high: how often too much was dirtied since the last step
    :ivar since_s: last evaluation
    :ivar sent_bytes: sent by then, in all
    :ivar dirtied_bytes: found dirty since then
    :ivar steps: first one and each further one
    """

    percent: int = 0
    high: int = 0
    since_s: float = 0.0
    sent_bytes: float = 0.0
    dirtied_bytes: float = 0.0
    steps: ThrottleSteps = QEMU_STEPS

    def collected(
        self, now_s: float, sent_bytes: float, dirtied_bytes: float
    ) -> "Throttle":
        """Return the state after a collection.

        :param sent_bytes: in all so far
        :param dirtied_bytes: found dirty by this collection
        """
        dirtied = self.dirtied_bytes + dirtied_bytes
        if now_s - self.since_s <= _PERIOD_S:
            return replace(self, dirtied_bytes=dirtied)
        high = self.high
        if dirtied > THRESHOLD * (sent_bytes - self.sent_bytes):
            high += 1
        percent = self.percent
        if high >= 2:
            high = 0
            more = self.steps.increment if percent else self.steps.initial
            percent = min(percent + more, MOST)
        return Throttle(percent, high, now_s, sent_bytes, 0.0, self.steps)
