"""How the migration of a server with VFIO devices ends that does not by
itself; 5 and 6 of the law in ``policies.device``.

5. Nothing more can be raised, and for 30 s neither that nor a pass has
   gained: the device dirties faster than its budget lets the link carry.
   on_timeout abort or postcopy                 -> abort, with the numbers
   force_complete without a timeout_s           -> 6, at once
   continue                                     -> abort after an hour
   Auto-converge that has memory to gain from is waited for up to its 99%.
6. The deadline (``policies.deadline``). force_complete: L = 2,000,000 ms,
   which lets QEMU stop as it is, and a pause 10 s later if it has not.
   A paused server gets that limit, too: QEMU counts its device all the same.
   Never post-copy.

Missing data. R or B unknown: only the deadline. No timeout_s: no deadline.

Example: timeout_s 300, force_complete: at 300 s L = 2,000,000 ms, a pause at
310 s.
"""

from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Budget,
    Decision,
    OnTimeout,
)
from nova_livemig_gpu.policies.deadline import at_deadline
from nova_livemig_gpu.policies.device_state import View
from nova_livemig_gpu.policies.outlook import mib
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.prediction.throttled import MOST

#: Most that QEMU takes.
MOST_LIMIT_MS = 2_000_000
_STUCK_S = 30.0
ENDLESS_S = 3600.0
_FORCE_GRACE_S = 10.0


def late(budget: Budget, progress: Progress) -> Decision | None:
    """Return what the deadline asks for, if it has come."""
    found = at_deadline(budget, progress, postcopy_ready=False)
    if found is None or found.action.kind is not ActionKind.FORCE_COMPLETE:
        return found
    assert budget.timeout_s is not None
    since_s = progress.elapsed_s - budget.timeout_s
    if since_s > _FORCE_GRACE_S:
        return found
    return unlimited(progress, "deadline_limit", found.reason)


def unlimited(progress: Progress, code: str, reason: str) -> Decision | None:
    """Let QEMU stop the guest as it is; None: it may already."""
    if progress.limit_ms == MOST_LIMIT_MS:
        return None
    return Decision(
        Action(ActionKind.SET_DOWNTIME, MOST_LIMIT_MS), code, reason
    )


def give_up(budget: Budget, progress: Progress, view: View) -> Decision | None:
    """Return how it ends, if no limit that it may have is enough."""
    since_s = progress.elapsed_s - max(progress.limit_s, progress.best_s)
    if since_s < _STUCK_S or _slowing(budget, progress, view):
        return None
    reason = _numbers(budget, progress, view)
    match budget.on_timeout:
        case OnTimeout.FORCE_COMPLETE:
            if budget.timeout_s is not None:
                return None
            if progress.limit_ms != MOST_LIMIT_MS:
                return unlimited(progress, "cannot_converge", reason)
            kind = ActionKind.FORCE_COMPLETE
        case OnTimeout.CONTINUE if since_s < ENDLESS_S:
            return None
        case _:
            kind = ActionKind.ABORT
    return Decision(Action(kind), "cannot_converge", reason, view.numbers())


def _numbers(budget: Budget, progress: Progress, view: View) -> str:
    allowed = view.bytes_of(progress.limit_ms or 0)
    rate = view.sent_bps
    sent = "an unknown rate" if rate is None else f"{mib(rate)}/s"
    return (
        f"QEMU does not switch over although {mib(allowed)} may be left, "
        f"{allowed / view.link_bps * 1e3:.0f} ms at "
        f"{mib(view.link_bps)}/s; {mib(view.ram_bytes)} of memory are "
        f"left, device state goes at {sent}; "
        f"max_downtime_ms is {budget.max_downtime_ms}"
    )


def _slowing(budget: Budget, progress: Progress, view: View) -> bool:
    """Auto-converge still has something to gain from memory."""
    if not budget.auto_converge or progress.sample is None:
        return False
    if view.ram_bytes <= view.low_bytes:
        return False
    return progress.throttle_percent < MOST
