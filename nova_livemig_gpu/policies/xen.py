"""Live migration as Xen did it in 2005 (Clark et al., NSDI'05).

Rounds are QEMU's passes, sent at the rates of ``policies.dynamic_rate`` up to
a maximum: ``bandwidth_mbps`` of the server, 500 Mbit/s where it has none. The
guest is stopped, and the rest sent at the maximum, at the end of the round

* that was the 29th, so that 30 are sent with the one that follows,
* that dirtied fewer than 50 pages, or
* after which more than 3 times the memory has been sent.

Rates are rounded to whole MiB/s, libvirt's unit, 1 MiB/s at least. QEMU's
own switchover is kept away by a limit of 1 ms; the guest is stopped by
setting it to 2000 s.

Neither post-copy nor auto-converge; ``max_downtime_ms`` and ``goal`` are not
in force, ``timeout_s`` is.

Missing data: without the size of the memory the third rule does not apply;
without a page size pages have 4096 bytes.

Example: a round took 4 s and dirtied 100 MB, 200 Mbit/s: the next is sent
at 250 Mbit/s, 30 MiB/s.
"""

from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Decision,
    StartPlan,
)
from nova_livemig_gpu.policies import dynamic_rate
from nova_livemig_gpu.policies.base import Policy, bandwidth_mib_s
from nova_livemig_gpu.policies.deadline import at_deadline
from nova_livemig_gpu.policies.progress import Progress

_MOST_ROUNDS = 30
_FEW_PAGES = 50
_MOST_SENT = 3
_NO_SWITCHOVER_MS = 1
_STOP_MS = 2_000_000
_PAGE_BYTES = 4096


class XenPolicy(Policy):
    """``xen-2005``; see the module for the law."""

    paces = True

    def plan(self) -> StartPlan:
        return StartPlan(
            postcopy=False,
            auto_converge=False,
            bandwidth_mib_s=bandwidth_mib_s(
                round(dynamic_rate.first_mbps(self._most_mbps))
            ),
            max_downtime_ms=_NO_SWITCHOVER_MS,
        )

    @property
    def _most_mbps(self) -> int:
        return self.budget.bandwidth_mbps or dynamic_rate.MOST_MBPS

    def decide(self, progress: Progress) -> Decision | None:
        if progress.postcopy or progress.aborting:
            return None
        late = at_deadline(self.budget, progress, postcopy_ready=False)
        if late is not None or progress.forced or not progress.passes:
            return late
        if progress.limit_ms == _STOP_MS:
            return None
        why = self._stop(progress)
        mbps: float = self._most_mbps
        if why is None:
            mbps = dynamic_rate.next_mbps(progress.passes[-1], mbps)
        return self._rate(mbps, progress) or self._stopping(why, progress)

    def _stop(self, progress: Progress) -> str | None:
        """Return why the guest is to be stopped now; None: it is not."""
        last, sample = progress.passes[-1], progress.sample
        assert sample is not None
        page = sample.page_size_bytes or _PAGE_BYTES
        if progress.pass_count >= _MOST_ROUNDS - 1:
            return f"{progress.pass_count} rounds"
        if last.dirtied_bytes < _FEW_PAGES * page:
            return f"{last.dirtied_bytes // page} pages left"
        total, sent = sample.total_bytes, progress.pass_start_bytes
        if total and sent > _MOST_SENT * total:
            return f"{sent / total:.1f} times the memory sent"
        return None

    def _rate(self, mbps: float, progress: Progress) -> Decision | None:
        wanted = bandwidth_mib_s(round(mbps))
        if wanted == (progress.bandwidth_mib_s or self.plan().bandwidth_mib_s):
            return None
        return Decision(
            Action(ActionKind.SET_BANDWIDTH, wanted),
            code="dynamic_rate",
            reason=f"{mbps:.0f} Mbit/s after round {progress.pass_count}",
            numbers={"dirtied_bytes": progress.passes[-1].dirtied_bytes},
        )

    def _stopping(
        self, why: str | None, progress: Progress
    ) -> Decision | None:
        if why is None:
            return None
        return Decision(
            Action(ActionKind.SET_DOWNTIME, _STOP_MS),
            code="stop_and_copy",
            reason=why,
            numbers={"rounds": progress.pass_count},
        )
