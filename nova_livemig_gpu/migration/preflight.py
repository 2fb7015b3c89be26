"""Can a server's budget be kept? Asked before anything is copied.

For a server with a VFIO device, L_max from ``policies.limit``:

    its state is predicted to need longer than L_max             -> over
    the forecast says that its memory does not converge, or that
    its pause is longer than max_downtime_ms (median)            -> over

Of the state's need counts what the scheduler's filter holds against the
budget, too: ``model.Stun.held_ms``, the median of a GPU that is new here, P90
once it is known.

``over_budget`` says what comes of it. What is not predicted is not over: the
law itself deals with it then. Other servers are never over, since post-copy,
auto-converge and the deadline are theirs.

Example: 500 ms, overhead 100 ms, a device predicted to need 2900 ms: refused
with "its device state is expected to need 2900 ms, max_downtime_ms 500
leaves 400 for it".
"""

from dataclasses import dataclass, field

from nova_livemig_gpu.model import Budget, OverBudget, Surroundings
from nova_livemig_gpu.policies.limit import limit_max_ms


@dataclass(frozen=True)
class Verdict:
    """What comes of it.

    :ivar reason: why the budget cannot be kept; None: nothing says so
    """

    refuse: bool = False
    reason: str | None = None
    numbers: dict[str, float | int | None] = field(default_factory=dict)


def judge(budget: Budget, around: Surroundings) -> Verdict:
    """Return the verdict on one server."""
    if not around.vfio:
        return Verdict()
    reason = _over(budget, around)
    if reason is None:
        return Verdict()
    stun, forecast = around.stun, around.forecast
    return Verdict(
        budget.over_budget is OverBudget.REFUSE,
        f"{reason}; over_budget is {budget.over_budget.value} (from "
        f"{budget.sources.get('over_budget', 'option')})",
        {
            "max_downtime_ms": budget.max_downtime_ms,
            "stun_p50_ms": stun.p50_ms if stun else None,
            "stun_p90_ms": stun.p90_ms if stun else None,
            "forecast_downtime_ms": forecast.downtime_ms if forecast else None,
        },
    )


def _over(budget: Budget, around: Surroundings) -> str | None:
    room_ms = limit_max_ms(budget, around)
    stun, forecast = around.stun, around.forecast
    if stun is not None and stun.held_ms > room_ms:
        return (
            f"its device state is expected to need {stun.held_ms:.0f} ms"
            f"{_of(stun.framebuffer_bytes)}, max_downtime_ms "
            f"{budget.max_downtime_ms} leaves {room_ms} for it"
        )
    if forecast is None:
        return None
    if not forecast.converges:
        return (
            f"its memory is not expected to converge ({forecast.why}): "
            f"passes leave {forecast.floor_bytes / 2**20:.0f} MiB at least, "
            f"max_downtime_ms is {budget.max_downtime_ms}"
        )
    if (forecast.downtime_ms or 0) > budget.max_downtime_ms:
        return (
            f"its pause is expected to be {forecast.downtime_ms:.0f} ms, "
            f"max_downtime_ms is {budget.max_downtime_ms}"
        )
    return None


def _of(framebuffer_bytes: int | None) -> str:
    if framebuffer_bytes is None:
        return ""
    return f" ({framebuffer_bytes / 2**20:.0f} MiB of framebuffer)"
