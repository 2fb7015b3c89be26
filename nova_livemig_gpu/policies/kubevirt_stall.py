"""KubeVirt's stall detector (alpha).

T = 150 s * GB as in ``policies.kubevirt``; D_max = 900 ms; the downtime
limit is min(D_max, 300 ms) at the start. Every 400 ms

    bw = 0.4 * QEMU's rate + 0.6 * bw        (the first rate as it is)

and at the end of each pass, R bytes left at t (memory and disks):

1. Passes older than 40 s leave the window; the least R of those outside it
   is *outside*.
2. The first pass with R >= 0.96 * outside is the stall: best = the least R
   of all so far, patience 40 s, deadline t + 40 s.
3. Each later pass puts its R on a heap. At the deadline the least R of the
   heap is taken from it and becomes best; patience is halved, 1 s at least,
   and the next deadline is t + patience.
4. After a stall, if R <= 1.04 * best and R / bw <= 2 T - t, the first that
   applies:
   post-copy is possible                       -> post-copy
   workload disruption is allowed              -> limit 2000 s
   R / bw <= 1.5 * D_max                       -> limit D_max
   otherwise                                   -> abort

Every 400 ms: a switchover by 4. that has not begun 60 s later is aborted;
where there was none and t > T, post-copy or the limit of 2000 s follows if
it is allowed and R / bw <= 2 T - t, else abort.

``kubevirt-stall`` has workload disruption off, the default.
``kubevirt-stall-disrupt`` has it and post-copy on. A server with a VFIO
device never uses post-copy.

Source: KubeVirt's migration monitor with the feature gate
``MigrationStallDetection``. Constants: margin 4%, window 40 s
(``progressTimeout``), factor 1.5, ``maxDowntime`` 900 ms.

Missing data: a pass end without R is not one; without bw rule 4 does not
apply, and after T the migration is aborted.

Example: passes end every 5 s and leave 128 MiB each. The first pass that
ends 40 s after the first one is the stall: best = 128 MiB, and R fits. At 50
MiB/s R / bw is 2560 ms, more than 1350: abort, or post-copy where allowed.
"""

import bisect
from dataclasses import dataclass, replace
from typing import ClassVar

from nova_livemig_gpu.model import Action, ActionKind, Decision
from nova_livemig_gpu.policies.kubevirt import (
    MOST_LIMIT_MS,
    completion_timeout_s,
    left_bytes,
)
from nova_livemig_gpu.policies.periodic import PeriodicPolicy
from nova_livemig_gpu.policies.progress import Progress

_MOST_DOWNTIME_MS = 900
_WINDOW_S = 40.0
_MARGIN = 0.04
_NEW = 0.4
_FACTOR = 1.5
_LEAST_PATIENCE_S = 1.0
_SWITCHOVER_S = 60.0


@dataclass(frozen=True)
class Detector:
    """What the detector remembers.

    :ivar passes: how many passes have ended
    :ivar bandwidth_bps: bw; None: not yet known
    :ivar window: (t, R) of passes in the window that left less than all
        before them
    :ivar outside_bytes: outside; None: no pass has left the window
    :ivar best_bytes: best; None: no stall yet
    :ivar heap: R of later passes, the least first
    :ivar switched_s: when the limit for a switchover was in force first
    :ivar at_pass_end: the newest look is at the end of a pass
    """

    passes: int = 0
    bandwidth_bps: float | None = None
    window: tuple[tuple[float, int], ...] = ()
    outside_bytes: int | None = None
    best_bytes: int | None = None
    patience_s: float = _WINDOW_S
    deadline_s: float = 0.0
    heap: tuple[int, ...] = ()
    switched_s: float | None = None
    at_pass_end: bool = False


class StallPolicy(PeriodicPolicy[Detector]):
    """``kubevirt-stall``; see the module for the law.

    :cvar disrupts: workload disruption is allowed
    """

    every_s = 0.4
    first_limit_ms = 300
    disrupts: ClassVar[bool] = False

    def blank(self) -> Detector:
        return Detector()

    def wakes(self, kept: Detector, progress: Progress) -> bool:
        return progress.pass_count > kept.passes

    def look(self, kept: Detector, progress: Progress) -> Detector:
        ended = progress.pass_count > kept.passes
        kept = replace(kept, passes=progress.pass_count, at_pass_end=ended)
        if kept.switched_s is None and self._switching(progress):
            kept = replace(kept, switched_s=progress.elapsed_s)
        if not ended:
            return _with_rate(kept, progress)
        left = left_bytes(progress)
        if left is None:
            return replace(kept, at_pass_end=False)
        return _with_pass(kept, progress.elapsed_s, left)

    def _switching(self, progress: Progress) -> bool:
        limit = progress.limit_ms
        return limit is not None and limit >= _MOST_DOWNTIME_MS

    def act(self, kept: Detector, progress: Progress) -> Decision | None:
        now_s, timeout_s = progress.elapsed_s, completion_timeout_s(progress)
        left = left_bytes(progress)
        if timeout_s is None or left is None:
            return None
        if kept.switched_s is not None:
            if now_s - kept.switched_s <= _SWITCHOVER_S:
                return None
            return self._abort("no_switchover", "no switchover for 60 s")
        rest_s = left / kept.bandwidth_bps if kept.bandwidth_bps else None
        fits = rest_s is not None and rest_s <= 2 * timeout_s - now_s
        if kept.at_pass_end and fits and _near_best(kept, left):
            assert rest_s is not None
            return self._converge(rest_s, left, progress)
        if int(now_s) <= timeout_s:
            return None
        reason = f"not completed after {timeout_s} s"
        if fits and self.disrupts:
            return self._disrupt("completion_timeout", reason, progress)
        return self._abort("completion_timeout", reason)

    def _converge(
        self, rest_s: float, left: int, progress: Progress
    ) -> Decision:
        reason = (
            f"passes have stopped shrinking, {left / 2**20:.1f} MiB are "
            f"left, which take {rest_s * 1e3:.0f} ms"
        )
        if self.disrupts:
            return self._disrupt("stalled", reason, progress)
        if rest_s * 1e3 <= _FACTOR * _MOST_DOWNTIME_MS:
            action = Action(ActionKind.SET_DOWNTIME, _MOST_DOWNTIME_MS)
            return Decision(action, code="stalled", reason=reason)
        return self._abort("stalled", reason)

    def _disrupt(self, code: str, reason: str, progress: Progress) -> Decision:
        action = Action(ActionKind.SET_DOWNTIME, MOST_LIMIT_MS)
        if self.can_postcopy(progress):
            action = Action(ActionKind.START_POSTCOPY)
        return Decision(action, code=code, reason=reason)

    def _abort(self, code: str, reason: str) -> Decision:
        return Decision(Action(ActionKind.ABORT), code=code, reason=reason)


class StallDisruptPolicy(StallPolicy):
    """``kubevirt-stall-disrupt``"""

    disrupts = True
    uses_postcopy = True


def _near_best(kept: Detector, left: int) -> bool:
    return bool(kept.best_bytes) and left <= (1 + _MARGIN) * (
        kept.best_bytes or 0
    )


def _with_rate(kept: Detector, progress: Progress) -> Detector:
    rate = progress.sample.memory_bps if progress.sample else None
    if rate is None:
        return kept
    if kept.bandwidth_bps:
        rate = _NEW * rate + (1 - _NEW) * kept.bandwidth_bps
    return replace(kept, bandwidth_bps=rate)


def _with_pass(kept: Detector, now_s: float, left: int) -> Detector:
    """Return the memory after a pass that left ``left`` bytes."""
    kept = _aged(kept, now_s)
    if left < _least(kept):
        kept = replace(kept, window=(*kept.window, (now_s, left)))
    if kept.best_bytes is None:
        return _stalled(kept, now_s, left)
    return _relaxed(kept, now_s, left)


def _least(kept: Detector) -> float:
    """Least R of the window and outside it."""
    seen = [r for _, r in kept.window]
    if kept.outside_bytes is not None:
        seen.append(kept.outside_bytes)
    return min(seen, default=float("inf"))


def _aged(kept: Detector, now_s: float) -> Detector:
    old = [r for t, r in kept.window if now_s - t >= _WINDOW_S]
    if kept.outside_bytes is not None:
        old.append(kept.outside_bytes)
    return replace(
        kept,
        window=tuple(x for x in kept.window if now_s - x[0] < _WINDOW_S),
        outside_bytes=min(old, default=None),
    )


def _stalled(kept: Detector, now_s: float, left: int) -> Detector:
    outside = kept.outside_bytes
    if outside is None or left < (1 - _MARGIN) * outside:
        return kept
    return replace(
        kept,
        best_bytes=int(_least(kept)),
        patience_s=_WINDOW_S,
        deadline_s=now_s + _WINDOW_S,
    )


def _relaxed(kept: Detector, now_s: float, left: int) -> Detector:
    heap = list(kept.heap)
    bisect.insort(heap, left)
    if now_s < kept.deadline_s:
        return replace(kept, heap=tuple(heap))
    patience_s = max(kept.patience_s / 2, _LEAST_PATIENCE_S)
    return replace(
        kept,
        best_bytes=heap[0],
        heap=tuple(heap[1:]),
        patience_s=patience_s,
        deadline_s=now_s + patience_s,
    )
