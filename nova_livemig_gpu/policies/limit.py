"""The most that the downtime limit may be, see ``policies.adaptive``."""

from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Budget,
    Decision,
    Surroundings,
)
from nova_livemig_gpu.policies.base import Policy
from nova_livemig_gpu.policies.progress import Progress

_LEAST_MS = 10
#: Of L_max: a limit that is so little above what it may be is left alone.
_LITTLE = 0.05


def limit_max_ms(budget: Budget, around: Surroundings) -> int:
    """Return L_max, milliseconds."""
    return most_ms(budget.max_downtime_ms, around.overhead_ms)


def most_ms(max_downtime_ms: float, overhead_ms: float) -> int:
    """Return L_max of a budget.

        L_max = min(max(budget - overhead, budget / 2, 10 ms), budget)

    >>> most_ms(300, 60), most_ms(300, 250), most_ms(12, 60), most_ms(5, 0)
    (240, 150, 10, 5)
    """
    free = max(max_downtime_ms - overhead_ms, max_downtime_ms / 2, _LEAST_MS)
    return int(min(free, max_downtime_ms))


def shared_ms(limit_ms: int, progress: Progress) -> int:
    """Return L_max where others share the link.

    Once the guest stands still less may be sent than now: QEMU multiplies its
    limit with what flows now, so that it is less by as much.

    Example: 400 ms, 90 MB/s flow, 60 will: 266 ms.
    """
    now, then = progress.bandwidth_bps(), progress.stopped_bps
    if not now or then is None or then >= now:
        return limit_ms
    return max(int(limit_ms * then / now), min(limit_ms, _LEAST_MS))


def lowered(
    limit_max_ms: int, most_ms: int, progress: Progress, code: str, reason: str
) -> Decision | None:
    """Return the limit that is in force no longer than it may be, or None.

    :param limit_max_ms: L_max, were it not for what the reason says
    :param most_ms: what it may be now
    """
    limit = progress.limit_ms
    if limit is None or most_ms == limit_max_ms:
        return None
    if limit - most_ms <= _LITTLE * limit_max_ms:
        return None
    return Decision(
        Action(ActionKind.SET_DOWNTIME, most_ms), code=code, reason=reason
    )


def lower_shared(
    limit_max_ms: int, most_ms: int, progress: Progress
) -> Decision | None:
    """Return the lower limit that others on the link ask for, or None.

    :param limit_max_ms: L_max without them
    :param most_ms: what ``shared_ms`` says
    """
    return lowered(
        limit_max_ms,
        most_ms,
        progress,
        "shared",
        "others on the link leave it less while the server stands still "
        f"than is sent now: {limit_max_ms} ms are {most_ms} of now",
    )


def goes_up_to_ms(policy: Policy) -> float:
    """Return the limit that a policy goes up to, in ms."""
    own: float | None = getattr(policy, "limit_max_ms", None)
    stairs = policy.around.staircase
    if own is not None or stairs is None:
        return float(own or policy.budget.max_downtime_ms)
    return float(stairs.downtime_ms)
