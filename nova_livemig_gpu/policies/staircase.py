"""``nova-staircase``: Nova's schedule of downtime limits, in our loop.

With D ``live_migration_downtime``, N ``live_migration_downtime_steps`` and
d = int(``live_migration_downtime_delay`` * GiB of memory and disks), once
i * d seconds have passed, i = 0 .. N, the limit is

    int(D / N + i * (D - D / N) / N)

(``downtime_steps`` and ``update_downtime`` in
nova/virt/libvirt/migration.py). Nova's monitor looks every 0.5 s. The
deadline is ``policies.deadline``.

``nova-staircase`` takes the three numbers from ``[libvirt]``.
``nova-vgpu-guide`` takes 500000, 3 and 3, which Nova's admin guide on
virtual GPUs tells operators to set, whatever ``[libvirt]`` says.

Servers with a VFIO device get this policy where they ask for ``nova``: it
ends where Nova ends, but never asks QEMU for post-copy, which refuses such a
migration, and a force-complete pauses.

Example: 500 ms, 10 steps, 75 s, 2 GiB: 50 ms at once, 95 ms after 150 s,
500 ms after 1500 s. The guide's numbers: 166,666 ms at once.
"""

from dataclasses import replace

from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Decision,
    Staircase,
    StartPlan,
)
from nova_livemig_gpu.policies.periodic import PeriodicPolicy
from nova_livemig_gpu.policies.progress import Progress

NAME = "nova-staircase"


class StaircasePolicy(PeriodicPolicy[None]):
    """See the module for the law."""

    every_s = 0.5
    uses_postcopy = True
    uses_auto_converge = True

    def plan(self) -> StartPlan:
        plan = super().plan()
        # As Nova: one or the other.
        return replace(
            plan, auto_converge=plan.auto_converge and not plan.postcopy
        )

    @property
    def stairs(self) -> Staircase | None:
        """The numbers; None: unknown, and QEMU keeps its own limit."""
        return self.around.staircase

    def blank(self) -> None:
        return None

    def look(self, kept: None, progress: Progress) -> None:
        return None

    def act(self, kept: None, progress: Progress) -> Decision | None:
        if self.stairs is None:
            return None
        wanted = limit_ms(self.stairs, progress.elapsed_s)
        if wanted is None or wanted == progress.limit_ms:
            return None
        return Decision(
            Action(ActionKind.SET_DOWNTIME, wanted),
            code="staircase",
            reason=f"{progress.elapsed_s:.0f} s have passed",
        )


class GuidePolicy(StaircasePolicy):
    """``nova-vgpu-guide``"""

    @property
    def stairs(self) -> Staircase | None:
        found = super().stairs
        if found is None:
            return None
        return replace(found, downtime_ms=500000, steps=3, delay_s=3)


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
