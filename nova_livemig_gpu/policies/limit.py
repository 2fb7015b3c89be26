"""The most that the downtime limit may be, see ``policies.adaptive``."""

from nova_livemig_gpu.model import Budget, Surroundings
from nova_livemig_gpu.policies.base import Policy

_LEAST_MS = 10


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


def goes_up_to_ms(policy: Policy) -> float:
    """Return the limit that a policy goes up to, in ms."""
    own: float | None = getattr(policy, "limit_max_ms", None)
    stairs = policy.around.staircase
    if own is not None or stairs is None:
        return float(own or policy.budget.max_downtime_ms)
    return float(stairs.downtime_ms)
