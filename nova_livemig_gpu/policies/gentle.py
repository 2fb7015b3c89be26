"""``goal = gentle`` of ``adaptive``: a limit that starts low and rises.

L = min(L_max, 30 ms) at the start. When a pass gains less than 10% on the one
before it, L is set to 1.25 * R / B, at most L_max. If QEMU still has not
switched over two passes later (four, where 30 ms ought to have been enough),
L = L_max; and also when less than a fifth of timeout_s would be left after
finishing at L_max.

Example: passes leave 20 MiB each at 50 MiB/s, 400 ms' worth: L = 501 ms.
"""

from nova_livemig_gpu.model import Action, ActionKind, Budget, Decision
from nova_livemig_gpu.policies.outlook import Outlook, mib
from nova_livemig_gpu.policies.progress import Progress

FIRST_MS = 30
_GAIN = 0.9
_MARGIN = 1.25
_PATIENCE = 2
_RESERVE = 0.2


def raise_limit(
    budget: Budget, progress: Progress, view: Outlook
) -> Decision | None:
    """Return a higher limit, or None."""
    limit = progress.limit_ms
    if limit is None or limit >= view.limit_ms or len(progress.passes) < 2:
        return None
    hurry = _short_of_time(budget, progress, view)
    new = view.limit_ms if hurry else _raised_ms(progress, view, limit)
    if new is None:
        return None
    return Decision(
        Action(ActionKind.SET_DOWNTIME, new),
        code="short_of_time" if hurry else "floor_reached",
        reason=(
            "timeout_s is near"
            if hurry
            else f"passes have stopped shrinking at {mib(view.left_bytes)}"
        ),
        numbers=view.numbers(),
    )


def _raised_ms(progress: Progress, view: Outlook, limit: int) -> int | None:
    """Return a limit above ``limit``, or None."""
    before, last = progress.passes[-2:]
    if last.dirtied_bytes < _GAIN * before.dirtied_bytes:
        return None
    waited = progress.pass_count - progress.limit_pass
    if limit > min(view.limit_ms, FIRST_MS):
        return view.limit_ms if waited >= _PATIENCE else None
    left = max(view.left_bytes, last.dirtied_bytes)
    needed = int(_MARGIN * left / view.bandwidth_bps * 1e3) + 1
    if needed > limit:
        return min(needed, view.limit_ms)
    return view.limit_ms if waited >= 2 * _PATIENCE else None


def _short_of_time(budget: Budget, progress: Progress, view: Outlook) -> bool:
    if budget.timeout_s is None:
        return False
    rest_s = view.precopy.total_s or view.postcopy_s
    spare_s = budget.timeout_s - progress.elapsed_s - rest_s
    return spare_s < _RESERVE * budget.timeout_s
