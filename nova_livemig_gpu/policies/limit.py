"""The most that the downtime limit may be, see ``policies.adaptive``."""

from nova_livemig_gpu.model import Budget, Surroundings

_LEAST_MS = 10


def limit_max_ms(budget: Budget, around: Surroundings) -> int:
    """Return L_max, milliseconds."""
    whole = budget.max_downtime_ms
    free = max(whole - around.overhead_ms, whole / 2, _LEAST_MS)
    return min(int(free), whole)
