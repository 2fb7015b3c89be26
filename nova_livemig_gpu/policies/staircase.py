"""``nova-staircase``: Nova's schedule of downtime limits, in our loop.

With D ``live_migration_downtime``, N ``live_migration_downtime_steps`` and
d = int(``live_migration_downtime_delay`` * GiB of memory and disks), once
i * d seconds have passed, i = 0 .. N, the limit is

    int(D / N + i * (D - D / N) / N)

(``downtime_steps`` and ``update_downtime`` in
nova/virt/libvirt/migration.py). The deadline is ``policies.deadline``.

Servers with a VFIO device get this policy where they ask for ``nova``: it
ends where Nova ends, but never asks QEMU for post-copy, which refuses such a
migration, and a force-complete pauses.

Example: 500 ms, 10 steps, 75 s, 2 GiB: 50 ms at once, 95 ms after 150 s,
500 ms after 1500 s.
"""

from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Decision,
    Staircase,
    StartPlan,
)
from nova_livemig_gpu.policies.base import Policy, bandwidth_mib_s
from nova_livemig_gpu.policies.deadline import at_deadline
from nova_livemig_gpu.policies.progress import Progress

NAME = "nova-staircase"


class StaircasePolicy(Policy):
    """See the module for the law."""

    def plan(self) -> StartPlan:
        postcopy = self._postcopy
        return StartPlan(
            postcopy=postcopy,
            auto_converge=self.budget.auto_converge and not postcopy,
            bandwidth_mib_s=bandwidth_mib_s(self.budget.bandwidth_mbps),
            max_downtime_ms=None,
        )

    @property
    def _postcopy(self) -> bool:
        return self.budget.postcopy and self.around.no_postcopy is None

    def decide(self, progress: Progress) -> Decision | None:
        if progress.postcopy or progress.aborting:
            return None
        late = at_deadline(
            self.budget,
            progress,
            self._postcopy and not progress.postcopy_failed,
        )
        if late is not None or progress.forced:
            return late
        if self.around.staircase is None:
            return None
        wanted = limit_ms(self.around.staircase, progress.elapsed_s)
        if wanted is None or wanted == progress.limit_ms:
            return None
        return Decision(
            Action(ActionKind.SET_DOWNTIME, wanted),
            code="staircase",
            reason=f"{progress.elapsed_s:.0f} s have passed",
        )


def limit_ms(stairs: Staircase, elapsed_s: float) -> int | None:
    """Return the limit in force after ``elapsed_s``; None: QEMU's own."""
    base = stairs.downtime_ms / stairs.steps
    offset = (stairs.downtime_ms - base) / stairs.steps
    delay_s = int(stairs.delay_s * stairs.size_gib)
    found = None
    for step in range(stairs.steps + 1):
        if elapsed_s > delay_s * step:
            found = int(base + offset * step)
    return found
