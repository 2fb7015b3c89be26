"""``adaptive``: learn the dirty curve, then take the shortest way out.

Names: R bytes left, B sending rate in bytes/s, f the dirty curve shown by
the passes so far and by what was known before (``Progress.curve``),
L the downtime limit that QEMU has.

QEMU stops the guest when what is left fits into B * L. Stopping, handing
over and starting cost ``overhead_ms`` more, so that the most that L may be
is

    L_max = max(max_downtime_ms - overhead_ms, max_downtime_ms / 2, 10 ms)

and never above max_downtime_ms, so that an overhead that was once measured
far too large spoils no more than half of a budget.

L begins low, and is raised at the end of a pass (``policies.held_limit``):

goal fast
    to the least that costs no time: no later moment is better for the total.
    Auto-converge, which by QEMU's steps of 20 and then 10 points reaches its
    most after 18 passes, begins with what the forecast says that it needs
    where pre-copy does not end (``policies.throttle``).
goal gentle
    only when passes have stopped shrinking, or timeout_s is near.

Under a throttle L_max is less by what the CPUs stand still at a time, and
where others share the link by what they leave less of it while the guest
stands still (``policies.limit``).

At the end of each pass, never inside one but for the first, the rest is
predicted (``policies.outlook``) with R, B, f and L_max:

1. Post-copy is possible: ``policies.to_postcopy``. It is taken where pre-copy
   does not converge, or to save time; with a forecast inside the first pass
   already; and at any moment where passes have gained nothing for a while.
   Never over a link that has just fallen (``policies.link_fall``).
2. The limit: ``policies.held_limit``.
3. Post-copy is not possible, and pre-copy does not converge: its operator is
   told, once, and it goes on (``policies.giving_up``).

The deadline (``policies.deadline``) is looked at with every sample.

A server with a VFIO device is steered by ``policies.device`` instead, since
its device's state is part of the pause and of QEMU's arithmetic.

Missing data: without R no rule of the passes applies; without B neither.
The deadline needs none of them.

Example: 512 MiB guest, B = 48 MiB/s, 40 MiB/s written over 128 MiB, limit
200 ms. The first pass takes 4 s and leaves 125 MiB. Pre-copy would need
about 20 passes and 15 s more, post-copy 2.6 s: post-copy.
"""

from nova_livemig_gpu.model import (
    Budget,
    Decision,
    Goal,
    PostcopyStart,
    StartPlan,
    Surroundings,
    ThrottleSteps,
)
from nova_livemig_gpu.policies import (
    giving_up,
    held_limit,
    outlook,
    throttle,
    to_postcopy,
)
from nova_livemig_gpu.policies.base import Policy, bandwidth_mib_s
from nova_livemig_gpu.policies.deadline import at_deadline
from nova_livemig_gpu.policies.device import DevicePolicy
from nova_livemig_gpu.policies.limit import (
    limit_max_ms,
    lower_shared,
    shared_ms,
)
from nova_livemig_gpu.policies.outlook import Outlook
from nova_livemig_gpu.policies.progress import Progress


class AdaptivePolicy(Policy):
    """See the module for the law."""

    def __init__(self, budget: Budget, around: Surroundings) -> None:
        super().__init__(budget, around)
        self.limit_max_ms = limit_max_ms(budget, around)
        self._device = DevicePolicy(budget, around) if around.vfio else None
        self._postcopy = budget.postcopy and around.no_postcopy is None

    def plan(self) -> StartPlan:
        if self._device is not None:
            return self._device.plan()
        notes = []
        if self.budget.postcopy and self.around.no_postcopy:
            notes.append(f"no post-copy: {self.around.no_postcopy}")
        said = throttle.note(self.around.throttle_percent, self.limit_max_ms)
        if said and self._auto_converge:
            notes.append(said)
        return StartPlan(
            postcopy=self._postcopy,
            auto_converge=self._auto_converge,
            bandwidth_mib_s=bandwidth_mib_s(self.budget.bandwidth_mbps),
            max_downtime_ms=held_limit.held_ms(self.limit_max_ms),
            throttle=self._throttle(),
            notes=tuple(notes),
        )

    def remember(self, progress: Progress) -> object | None:
        if self._device is not None:
            return self._device.remember(progress)
        return giving_up.ceiling(progress)

    def decide(self, progress: Progress) -> Decision | None:
        if self._device is not None:
            return self._device.decide(progress)
        if progress.postcopy or progress.aborting:
            return None
        late = at_deadline(self.budget, progress, self._can_postcopy(progress))
        if late is not None or progress.forced:
            return late
        limit_ms = throttle.limit_ms(self.limit_max_ms, progress)
        lower = throttle.lower(self.limit_max_ms, limit_ms, progress)
        if lower is None:
            alone_ms, limit_ms = limit_ms, shared_ms(limit_ms, progress)
            lower = lower_shared(alone_ms, limit_ms, progress)
        if lower is not None:
            return lower
        blind = held_limit.without_telemetry(progress, limit_ms)
        if blind is not None:
            return blind
        if self._can_postcopy(progress):
            stuck = to_postcopy.without_gain(progress, limit_ms)
            stuck = self._unless_fallen(progress, stuck)
            if stuck is not None:
                return stuck
        if not progress.pass_ended:
            return self._inside(progress, limit_ms)
        view = outlook.look(progress, self.around.curve, limit_ms)
        if view is None:
            return None
        return (
            self._after_pass(progress, view)
            or held_limit.after_pass(
                self.budget, progress, view, self.around.curve
            )
            or self._without_end(progress, view)
        )

    @property
    def _auto_converge(self) -> bool:
        """Auto-converge is for servers that cannot end by post-copy."""
        return self.budget.auto_converge and not self._postcopy

    def _throttle(self) -> ThrottleSteps | None:
        """Steps of its own where pre-copy is predicted not to end."""
        ahead = self.around.forecast
        if ahead is None or ahead.converges:
            return None
        if not (self._fast and self._auto_converge):
            return None
        return throttle.steps(self.around.throttle_percent, self.limit_max_ms)

    @property
    def _fast(self) -> bool:
        return self.budget.goal is Goal.FAST

    def _can_postcopy(self, progress: Progress) -> bool:
        return self._postcopy and not progress.postcopy_failed

    def _inside(self, progress: Progress, limit: int) -> Decision | None:
        """Inside a pass.

        :param limit: the most that it may be, ms
        """
        before = self.around.curve
        soon = self.budget.postcopy_start is PostcopyStart.AS_PREDICTED
        switch = None
        if self._fast and soon and self._can_postcopy(progress):
            switch = self._unless_fallen(
                progress, to_postcopy.in_first_pass(progress, before, limit)
            )
        elif progress.pass_count and progress.warned(to_postcopy.PUT_OFF):
            switch = self._made_up_for(progress, limit)
        if self._fast and switch is None:
            switch = held_limit.in_first_pass(progress, before, limit)
        return switch or held_limit.in_haste(progress, limit)

    def _made_up_for(self, progress: Progress, limit: int) -> Decision | None:
        """A switch that was put off."""
        if not self._can_postcopy(progress):
            return None
        view = outlook.look(progress, self.around.curve, limit)
        return None if view is None else self._after_pass(progress, view)

    def _after_pass(
        self, progress: Progress, view: Outlook
    ) -> Decision | None:
        if not self._can_postcopy(progress):
            return None
        return to_postcopy.unless_fallen(
            progress,
            to_postcopy.after_pass(progress, view, self._fast),
            view.left_bytes,
        )

    def _unless_fallen(
        self, progress: Progress, switch: Decision | None
    ) -> Decision | None:
        sample = progress.sample
        left = (sample and sample.remaining_bytes) or 0
        return to_postcopy.unless_fallen(progress, switch, float(left))

    def _without_end(
        self, progress: Progress, view: Outlook
    ) -> Decision | None:
        """Post-copy ends it, if it is possible."""
        if self._can_postcopy(progress):
            return None
        return giving_up.without_end(
            self.budget, self.around, progress, view, self._auto_converge
        )
