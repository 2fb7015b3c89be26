"""Proxmox VE's migration loop.

The downtime limit D is 100 ms at the start. The job is looked at every
second, and every 0.1 s once less is left than the last seconds' rate sends
in one. A look that finds more left than the look before it, or nothing left,
counts one. When the count exceeds 5, D doubles, up to 2000 s, and the count
starts at 0 again. It never gives up because a guest does not converge.

Neither post-copy nor auto-converge. Source: qemu-server, ``migrate_downtime``
0.1 s and the loop that follows a memory migration.

Missing data: a look without a figure of what is left does not count, nor
does the first one with it.

Example: R rises with every pass, and a pass takes 5 s: counts at about 5,
10, ... 30 s, where the count is 6 and D becomes 200 ms; 400 ms at 60 s.
"""

from dataclasses import dataclass

from nova_livemig_gpu.model import Action, ActionKind, Decision
from nova_livemig_gpu.policies.kubevirt import left_bytes
from nova_livemig_gpu.policies.periodic import PeriodicPolicy
from nova_livemig_gpu.policies.progress import Progress

_MOST_COUNT = 5
_MOST_LIMIT_MS = 2_000_000
_NEAR_S = 0.1


@dataclass(frozen=True)
class Count:
    """What the loop remembers.

    :ivar left_bytes: R at the last look
    :ivar rises: the count
    :ivar limit_ms: D
    """

    left_bytes: int | None = None
    rises: int = 0
    limit_ms: int = 100


class ProxmoxPolicy(PeriodicPolicy[Count]):
    """``proxmox``; see the module for the law."""

    every_s = 1.0
    first_limit_ms = 100

    def blank(self) -> Count:
        return Count()

    def look(self, kept: Count, progress: Progress) -> Count:
        left = left_bytes(progress)
        if left is None or kept.left_bytes is None:
            return Count(left, kept.rises, kept.limit_ms)
        rises = kept.rises + (left > kept.left_bytes or left == 0)
        if rises <= _MOST_COUNT:
            return Count(left, rises, kept.limit_ms)
        return Count(left, 0, min(2 * kept.limit_ms, _MOST_LIMIT_MS))

    def wait_s(self, kept: Count, progress: Progress) -> float:
        rate = progress.bandwidth_bps()
        if rate is None or kept.left_bytes is None:
            return self.every_s
        return _NEAR_S if kept.left_bytes < rate else self.every_s

    def act(self, kept: Count, progress: Progress) -> Decision | None:
        if progress.limit_ms == kept.limit_ms:
            return None
        return Decision(
            Action(ActionKind.SET_DOWNTIME, kept.limit_ms),
            code="limit_doubled",
            reason="what is left has risen too often",
            numbers={"remaining_bytes": kept.left_bytes},
        )
