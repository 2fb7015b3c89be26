"""Can a server's budget be kept? Asked before anything is copied.

For a server with a VFIO device, L_max from ``policies.limit``:

    its state is predicted to need longer than L_max             -> over
    the forecast says that its memory does not converge, or that
    its pause is longer than max_downtime_ms (median)            -> over

Of the state's need counts what the scheduler's filter holds against the
budget, too: ``model.Stun.held_ms``, the median of a GPU that was seldom
migrated from here, P90 once it is known. Of one that never was there is a
guess only: it is told, and refuses nothing.

``over_budget`` says what comes of it. What is not predicted is not over: the
law itself deals with it then. Other servers are never over, since post-copy,
auto-converge and the deadline are theirs.

Example: 500 ms, overhead 100 ms, a device predicted to need 2900 ms: refused
with "its device state is expected to need 2900 ms, max_downtime_ms 500
leaves 400 for it".
"""

from dataclasses import dataclass, field

from nova_livemig_gpu.model import Budget, OverBudget, Stun, Surroundings
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
    reason, guessed = _over(budget, around), None
    if reason is None:
        reason = guessed = _guessed(budget, around)
    if reason is None:
        return Verdict()
    stun, forecast = around.stun, around.forecast
    return Verdict(
        budget.over_budget is OverBudget.REFUSE and guessed is None,
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
    stun, forecast = around.stun, around.forecast
    held_ms = None if stun is None else stun.held_ms
    if stun is not None and (held_ms or 0.0) > limit_max_ms(budget, around):
        return _too_long(budget, around, stun)
    if forecast is None:
        return None
    if not forecast.converges:
        return (
            f"its memory is not expected to converge ({forecast.why}): "
            f"passes leave {forecast.floor_bytes / 2**20:.0f} MiB at least, "
            f"max_downtime_ms is {budget.max_downtime_ms}"
        )
    pause_ms = forecast.downtime_ms or 0.0
    if stun is not None and stun.guess:
        pause_ms -= stun.p50_ms
    if pause_ms > budget.max_downtime_ms:
        return (
            f"its pause is expected to be {pause_ms:.0f} ms, "
            f"max_downtime_ms is {budget.max_downtime_ms}"
        )
    return None


def _guessed(budget: Budget, around: Surroundings) -> str | None:
    stun = around.stun
    if stun is None or not stun.guess:
        return None
    if stun.expected_ms <= limit_max_ms(budget, around):
        return None
    return (
        f"{_too_long(budget, around, stun)}; that is a guess, no such GPU "
        "was seen to migrate from here"
    )


def _too_long(budget: Budget, around: Surroundings, stun: Stun) -> str:
    return (
        f"its device state is expected to need {stun.expected_ms:.0f} ms"
        f"{_of(stun.framebuffer_bytes)}, max_downtime_ms "
        f"{budget.max_downtime_ms} leaves {limit_max_ms(budget, around)} "
        "for it"
    )


def _of(framebuffer_bytes: int | None) -> str:
    if framebuffer_bytes is None:
        return ""
    return f" ({framebuffer_bytes / 2**20:.0f} MiB of framebuffer)"
