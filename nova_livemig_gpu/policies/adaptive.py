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

goal fast
    L = L_max from the start: no later moment is better for the total time.
goal gentle
    L = min(L_max, 30 ms) at the start. When a pass gains less than 10% on
    the one before it, L is set to 1.25 * R / B, at most L_max. If QEMU still
    has not switched over two passes later (four, where 30 ms ought to have
    been enough), L = L_max; and also when less than a fifth of timeout_s
    would be left after finishing at L_max.

At the end of each pass, never inside one, the rest is predicted
(``prediction.precopy``) with R, B, f and L (gentle: L_max):

1. Post-copy is possible. It would need R / B.
   Pre-copy does not converge                    -> post-copy
   goal fast, and it saves more than 0.5 s and
   more than 10% of the whole migration          -> post-copy
2. Post-copy is not possible, pre-copy does not converge, the last pass that
   left 5% less than the best before it is 30 s and three passes ago, and
   auto-converge (if it is on) is at its 99%
   on_timeout abort                              -> abort, with the numbers
   otherwise                                     -> wait for the deadline

The deadline (``policies.deadline``) is looked at with every sample.

A server with a VFIO device is steered by ``policies.device`` instead, since
its device's state is part of the pause and of QEMU's arithmetic.

Missing data: without R no rule of the passes applies; without B neither.
The deadline needs none of them.

Example: 512 MiB guest, B = 48 MiB/s, 40 MiB/s written over 128 MiB, limit
200 ms. The first pass takes 4 s and leaves 125 MiB. Pre-copy would need
about 20 passes and 15 s more, post-copy 2.6 s: post-copy.
"""

from dataclasses import dataclass

from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Budget,
    Decision,
    Goal,
    OnTimeout,
    Prediction,
    StartPlan,
    Surroundings,
)
from nova_livemig_gpu.policies.base import Policy, bandwidth_mib_s
from nova_livemig_gpu.policies.deadline import at_deadline
from nova_livemig_gpu.policies.device import DevicePolicy
from nova_livemig_gpu.policies.limit import limit_max_ms
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.prediction import precopy

_GENTLE_LIMIT_MS = 30
_GENTLE_GAIN = 0.9
_GENTLE_MARGIN = 1.25
_GENTLE_PATIENCE = 2
_GENTLE_RESERVE = 0.2
_SAVING_S = 0.5
_SAVING_SHARE = 0.1
_STUCK_PASSES = 3
_STUCK_S = 30.0
_FULL_THROTTLE = 99


@dataclass(frozen=True)
class _View:
    """What the rules look at when a pass has ended."""

    left_bytes: float
    bandwidth_bps: float
    precopy: Prediction
    postcopy_s: float

    def numbers(self) -> dict[str, float | int | None]:
        return {
            "remaining_bytes": self.left_bytes,
            "bandwidth_bps": self.bandwidth_bps,
            "floor_bytes": self.precopy.floor_bytes,
            "precopy_s": self.precopy.total_s,
            "precopy_passes": self.precopy.passes,
            "postcopy_s": self.postcopy_s,
        }


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
        return StartPlan(
            postcopy=self._postcopy,
            auto_converge=self._auto_converge,
            bandwidth_mib_s=bandwidth_mib_s(self.budget.bandwidth_mbps),
            max_downtime_ms=self._first_limit_ms(),
            notes=tuple(notes),
        )

    def decide(self, progress: Progress) -> Decision | None:
        if self._device is not None:
            return self._device.decide(progress)
        if progress.postcopy or progress.aborting:
            return None
        late = at_deadline(self.budget, progress, self._can_postcopy(progress))
        if late is not None or progress.forced or not progress.pass_ended:
            return late
        view = self._view(progress)
        if view is None:
            return None
        return (
            self._to_postcopy(progress, view)
            or self._give_up(progress, view)
            or self._raise_limit(progress, view)
        )

    @property
    def _auto_converge(self) -> bool:
        """Auto-converge is for servers that cannot end by post-copy."""
        return self.budget.auto_converge and not self._postcopy

    def _first_limit_ms(self) -> int:
        if self.budget.goal is Goal.GENTLE:
            return min(self.limit_max_ms, _GENTLE_LIMIT_MS)
        return self.limit_max_ms

    def _can_postcopy(self, progress: Progress) -> bool:
        return self._postcopy and not progress.postcopy_failed

    def _view(self, progress: Progress) -> _View | None:
        rate = progress.bandwidth_bps()
        sample = progress.sample
        if rate is None or sample is None or sample.remaining_bytes is None:
            return None
        left = float(sample.remaining_bytes)
        return _View(
            left,
            rate,
            precopy.predict(
                progress.curve(self.around.curve),
                left,
                rate,
                self.limit_max_ms,
            ),
            precopy.postcopy_s(left, rate),
        )

    def _to_postcopy(self, progress: Progress, view: _View) -> Decision | None:
        if not self._can_postcopy(progress):
            return None
        ahead = view.precopy
        if not ahead.converges:
            return Decision(
                Action(ActionKind.START_POSTCOPY),
                code="floor_above_budget",
                reason=(
                    f"further passes leave {_mib(ahead.floor_bytes)} at "
                    f"least, {self.limit_max_ms} ms are good for "
                    f"{_mib(self._fits_bytes(view))}; post-copy needs "
                    f"{view.postcopy_s:.1f} s"
                ),
                numbers=view.numbers(),
            )
        if self.budget.goal is Goal.GENTLE:
            return None
        assert ahead.total_s is not None
        saving_s = ahead.total_s - view.postcopy_s
        whole_s = progress.elapsed_s + view.postcopy_s
        if saving_s <= max(_SAVING_S, _SAVING_SHARE * whole_s):
            return None
        return Decision(
            Action(ActionKind.START_POSTCOPY),
            code="postcopy_is_faster",
            reason=(
                f"{ahead.passes} more passes would take "
                f"{ahead.total_s:.1f} s, post-copy {view.postcopy_s:.1f} s"
            ),
            numbers=view.numbers(),
        )

    def _give_up(self, progress: Progress, view: _View) -> Decision | None:
        if view.precopy.converges or not self._stuck(progress):
            return None
        if self.budget.on_timeout is not OnTimeout.ABORT:
            return None
        return Decision(
            Action(ActionKind.ABORT),
            code="cannot_converge",
            reason=(
                f"after {progress.pass_count} passes further ones leave "
                f"{_mib(view.precopy.floor_bytes)} at least, which is "
                f"{view.precopy.floor_bytes / view.bandwidth_bps * 1e3:.0f}"
                f" ms at {_mib(view.bandwidth_bps)}/s; max_downtime_ms is "
                f"{self.budget.max_downtime_ms}, post-copy is "
                f"{'not possible' if self.budget.postcopy else 'forbidden'}"
            ),
            numbers=view.numbers(),
        )

    def _stuck(self, progress: Progress) -> bool:
        throttle = (
            progress.sample.throttle_percent if progress.sample else None
        )
        if self._auto_converge and (throttle or 0) < _FULL_THROTTLE:
            return False
        if progress.pass_count - progress.best_pass < _STUCK_PASSES:
            return False
        return progress.elapsed_s - progress.best_s >= _STUCK_S

    def _raise_limit(self, progress: Progress, view: _View) -> Decision | None:
        limit = progress.limit_ms
        if limit is None or limit >= self.limit_max_ms:
            return None
        if len(progress.passes) < 2:
            return None
        before, last = progress.passes[-2:]
        level = last.dirtied_bytes >= _GENTLE_GAIN * before.dirtied_bytes
        hurry = self._short_of_time(progress, view)
        new = self._gentle_limit(progress, view, limit, level, hurry)
        if new is None:
            return None
        return Decision(
            Action(ActionKind.SET_DOWNTIME, new),
            code="short_of_time" if hurry else "floor_reached",
            reason=(
                "timeout_s is near"
                if hurry
                else "passes have stopped shrinking at "
                f"{_mib(view.left_bytes)}"
            ),
            numbers=view.numbers(),
        )

    def _gentle_limit(
        self,
        progress: Progress,
        view: _View,
        limit: int,
        level: bool,
        hurry: bool,
    ) -> int | None:
        """Return a limit above ``limit``, or None."""
        if hurry:
            return self.limit_max_ms
        if not level:
            return None
        waited = progress.pass_count - progress.limit_pass
        if limit > self._first_limit_ms():
            return self.limit_max_ms if waited >= _GENTLE_PATIENCE else None
        left = max(view.left_bytes, progress.passes[-1].dirtied_bytes)
        needed = int(_GENTLE_MARGIN * left / view.bandwidth_bps * 1e3) + 1
        if needed > limit:
            return min(needed, self.limit_max_ms)
        return self.limit_max_ms if waited >= 2 * _GENTLE_PATIENCE else None

    def _short_of_time(self, progress: Progress, view: _View) -> bool:
        if self.budget.timeout_s is None:
            return False
        rest_s = view.precopy.total_s or view.postcopy_s
        spare_s = self.budget.timeout_s - progress.elapsed_s - rest_s
        return spare_s < _GENTLE_RESERVE * self.budget.timeout_s

    def _fits_bytes(self, view: _View) -> float:
        return view.bandwidth_bps * self.limit_max_ms / 1e3


def _mib(value: float) -> str:
    return f"{value / 2**20:.1f} MiB"
