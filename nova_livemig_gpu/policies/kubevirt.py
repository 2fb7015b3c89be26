"""KubeVirt's migration monitor, as it is by default.

Every 400 ms, with T = 150 s * GB (memory and disks to copy, in 10**9 bytes,
rounded up), R bytes left (memory and disks) and t seconds since the start,
the first that applies:

1. in post-copy: nothing;
2. workload disruption is allowed, t > T, the server is not being stopped
   already: post-copy where it is possible; a server with a VFIO device gets
   the downtime limit min(2 T, 2000 s); any other is paused. Where it is
   stopped T counts twice from then on;
3. R was last below the R of the look before more than 150 s ago: abort;
4. t > T: abort.

Times are compared in whole seconds. QEMU keeps its own limit of 300 ms, and
neither auto-converge nor a bandwidth limit is set.

``kubevirt`` has workload disruption off, which is the default, and never
uses post-copy. ``kubevirt-disrupt`` has both on.

Source: KubeVirt's migration configuration (``completionTimeoutPerGiB`` 150,
``progressTimeout`` 150, ``allowWorkloadDisruption``, which is
``allowPostCopy`` where it is not set) and its monitor.

Missing data: without the size of the memory there is no T; without R the
migration counts as making progress.

Example: 512 MiB, T = 150 s. A guest whose passes do not shrink, R going up
and down, is aborted at 151 s, or switched to post-copy.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from nova_livemig_gpu.model import Action, ActionKind, Decision
from nova_livemig_gpu.policies.periodic import PeriodicPolicy
from nova_livemig_gpu.policies.progress import Progress

TIMEOUT_S_PER_GB = 150
_STUCK_S = 150
_GB = 10**9
#: The most that QEMU accepts.
MOST_LIMIT_MS = 2_000_000


@dataclass(frozen=True)
class Watermark:
    """What the monitor remembers.

    :ivar left_bytes: R at the last look; None: unknown
    :ivar moved_s: when R was last below the R of the look before
    """

    left_bytes: int | None = None
    moved_s: float = 0.0


class KubevirtPolicy(PeriodicPolicy[Watermark]):
    """``kubevirt``; see the module for the law.

    :cvar disrupts: workload disruption is allowed
    """

    every_s = 0.4
    disrupts: ClassVar[bool] = False

    def blank(self) -> Watermark:
        return Watermark()

    def look(self, kept: Watermark, progress: Progress) -> Watermark:
        left = left_bytes(progress)
        if not left or not kept.left_bytes or left < kept.left_bytes:
            return Watermark(left, progress.elapsed_s)
        return Watermark(left, kept.moved_s)

    def act(self, kept: Watermark, progress: Progress) -> Decision | None:
        timeout_s = completion_timeout_s(progress)
        late = timeout_s is not None and int(progress.elapsed_s) > timeout_s
        if self.disrupts and late and not self._stopping(progress):
            assert timeout_s is not None
            return self._disrupt(timeout_s, progress)
        return self._give_up(kept, progress)

    def act_paused(
        self, kept: Watermark, progress: Progress
    ) -> Decision | None:
        return self._give_up(kept, progress)

    def _disrupt(self, timeout_s: int, progress: Progress) -> Decision:
        if self.can_postcopy(progress):
            action = Action(ActionKind.START_POSTCOPY)
        elif self.around.vfio:
            limit_ms = min(2 * timeout_s * 1000, MOST_LIMIT_MS)
            action = Action(ActionKind.SET_DOWNTIME, limit_ms)
        else:
            action = Action(ActionKind.FORCE_COMPLETE)
        return Decision(
            action,
            code="completion_timeout",
            reason=f"not completed after {timeout_s} s",
            numbers={"elapsed_s": progress.elapsed_s},
        )

    def _give_up(self, kept: Watermark, progress: Progress) -> Decision | None:
        stuck_s = progress.elapsed_s - kept.moved_s
        timeout_s = completion_timeout_s(progress)
        if timeout_s is not None and self._stopping(progress):
            timeout_s *= 2
        if int(stuck_s) > _STUCK_S:
            code, reason = "stuck", f"no progress for {stuck_s:.0f} s"
        elif timeout_s is not None and int(progress.elapsed_s) > timeout_s:
            code = "completion_timeout"
            reason = f"not completed after {timeout_s} s"
        else:
            return None
        return Decision(
            Action(ActionKind.ABORT),
            code=code,
            reason=reason,
            numbers={
                "elapsed_s": progress.elapsed_s,
                "remaining_bytes": kept.left_bytes,
            },
        )

    def _stopping(self, progress: Progress) -> bool:
        return progress.forced or progress.limit_ms is not None


class KubevirtDisruptPolicy(KubevirtPolicy):
    """``kubevirt-disrupt``"""

    disrupts = True
    uses_postcopy = True


def left_bytes(progress: Progress) -> int | None:
    """Memory and disks left; None: unknown."""
    sample = progress.sample
    if sample is None or sample.remaining_bytes is None:
        return None
    return sample.remaining_bytes + (sample.disk_remaining_bytes or 0)


def completion_timeout_s(progress: Progress) -> int | None:
    """T; None: the size of the memory is unknown."""
    sample = progress.sample
    if sample is None or not sample.total_bytes:
        return None
    size = sample.total_bytes + (sample.disk_total_bytes or 0)
    return TIMEOUT_S_PER_GB * math.ceil(size / _GB)
