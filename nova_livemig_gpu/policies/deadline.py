"""What is done when a migration has run for its ``timeout_s``."""

from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Budget,
    Decision,
    OnTimeout,
)
from nova_livemig_gpu.policies.progress import Progress


def at_deadline(
    budget: Budget, progress: Progress, postcopy_ready: bool
) -> Decision | None:
    """Return the deadline's action once it has passed, else None.

    ``abort``: give up. ``force_complete``: post-copy where the job can do
    it, else pause. ``postcopy``: post-copy, or give up where the job cannot
    do it. ``continue``: nothing. In post-copy, and after an abort was asked
    for, nothing more is done: the guest may run at the destination already
    (``should_trigger_timeout_action`` in Nova's
    nova/virt/libvirt/migration.py). A server that was paused so that its
    migration ends can still be given up, so that it does not stand still
    for ever.

    :param postcopy_ready: the job was started so that post-copy is possible
    """
    if budget.timeout_s is None or progress.elapsed_s <= budget.timeout_s:
        return None
    if progress.postcopy or progress.aborting:
        return None
    kind = _action(budget.on_timeout, postcopy_ready)
    if kind is None or (progress.forced and kind is not ActionKind.ABORT):
        return None
    return Decision(
        Action(kind),
        code="deadline",
        reason=(
            f"not completed after {progress.elapsed_s:.0f} s, timeout_s is "
            f"{budget.timeout_s:g} and on_timeout "
            f"{budget.on_timeout.value}{_left(budget, progress)}"
        ),
        numbers={"elapsed_s": progress.elapsed_s},
    )


def _left(budget: Budget, progress: Progress) -> str:
    """What has kept it from ending, where that has been said."""
    rate = progress.link_bps()
    if not progress.warnings or not progress.best_bytes or not rate:
        return ""
    return (
        f"; passes left {progress.best_bytes / 2**20:.1f} MiB at least, "
        f"{progress.best_bytes / rate * 1e3:.0f} ms, max_downtime_ms is "
        f"{budget.max_downtime_ms}"
    )


def _action(wish: OnTimeout, postcopy_ready: bool) -> ActionKind | None:
    match wish:
        case OnTimeout.CONTINUE:
            return None
        case OnTimeout.FORCE_COMPLETE:
            return ActionKind.FORCE_COMPLETE
        case OnTimeout.POSTCOPY if postcopy_ready:
            return ActionKind.START_POSTCOPY
        case _:
            return ActionKind.ABORT
