"""What becomes of the migration of a server with VFIO devices that does not
end by itself; 5 and 6 of the law in ``policies.device``.

5. Nothing more can be raised, and for 30 s neither that nor a pass has
   gained: the device dirties faster than its budget lets the link carry. Or
   memory does not come down to its part, M, and 2 passes and 10 s have gained
   nothing. It goes on, and its operator is told, once, with the numbers and
   what would help (code ``not_converging``).
   not_converging = abort, after 30 s in both cases (``cannot_converge``):
   on_timeout abort or postcopy                 -> abort, with the numbers
   force_complete without a timeout_s           -> 6, at once
   continue                                     -> abort after an hour
   Auto-converge that has memory to gain from is waited for up to its 99%.
6. The deadline (``policies.deadline``). force_complete: L = 2,000,000 ms,
   which lets QEMU stop as it is, and a pause 10 s later if it has not.
   A paused server gets that limit, too: QEMU counts its device all the same.
   Never post-copy.

Missing data. R or B unknown: only the deadline. No timeout_s: no deadline, as
with Nova.

Example: timeout_s 300, force_complete: at 300 s L = 2,000,000 ms, a pause at
310 s.
"""

from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Budget,
    Decision,
    NotConverging,
    OnTimeout,
    OverBudget,
)
from nova_livemig_gpu.policies import giving_up
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
    """Return what is said or done, if no limit that it may have is enough."""
    since_s = progress.elapsed_s - max(progress.limit_s, progress.best_s)
    if since_s < _STUCK_S or _slowing(budget, progress, view):
        return None
    facts = _numbers(budget, progress, view)
    return _without_end(budget, progress, view, facts, since_s)


def memory_stays(
    budget: Budget, progress: Progress, view: View
) -> Decision | None:
    """Return the same where memory does not come down to its part."""
    if _slowing(budget, progress, view):
        return None
    if not giving_up.stuck(progress, False, *giving_up.SAID):
        return None
    facts = (
        f"passes leave {mib(view.floor_bytes)} of memory, "
        f"{view.floor_bytes / view.link_bps * 1e3:.0f} ms at "
        f"{mib(view.link_bps)}/s; max_downtime_ms is "
        f"{budget.max_downtime_ms}, and only device state may exceed it"
    )
    since_s = progress.elapsed_s - max(progress.limit_s, progress.best_s)
    return _without_end(budget, progress, view, facts, since_s)


def _without_end(
    budget: Budget,
    progress: Progress,
    view: View,
    facts: str,
    since_s: float,
) -> Decision | None:
    if budget.not_converging is NotConverging.CONTINUE:
        return _warning(budget, progress, view, facts)
    if since_s < _STUCK_S:
        return None
    match budget.on_timeout:
        case OnTimeout.FORCE_COMPLETE:
            if budget.timeout_s is not None:
                return None
            if progress.limit_ms != MOST_LIMIT_MS:
                return unlimited(progress, "cannot_converge", facts)
            kind = ActionKind.FORCE_COMPLETE
        case OnTimeout.CONTINUE if since_s < ENDLESS_S:
            return None
        case _:
            kind = ActionKind.ABORT
    return Decision(Action(kind), "cannot_converge", facts, view.numbers())


def _warning(
    budget: Budget, progress: Progress, view: View, facts: str
) -> Decision | None:
    if progress.warned(giving_up.SAID_CODE):
        return None
    helps = ["less work in the server", "a higher max_downtime_ms"]
    if budget.over_budget is OverBudget.REFUSE:
        helps.append("over_budget = warn")
    if not budget.auto_converge and view.floor_bytes > view.memory_bytes():
        helps.append("auto_converge = allow")
    return Decision(
        Action(ActionKind.WARN),
        giving_up.SAID_CODE,
        f"it is not expected to end: {facts}. {giving_up.goes_on(budget)}. "
        f"What would help: {', or '.join(helps)}",
        view.numbers(),
    )


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
