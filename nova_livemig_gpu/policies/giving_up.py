"""When ``adaptive`` gives a pre-copy migration up.

Pre-copy does not converge by its outlook, and nothing has been gained for 3
passes and 30 s: since the last pass that left 5% less than the best before
it, and, with auto-converge, since the throttle reached its 99% (QEMU's
``max-cpu-throttle``). Under a smaller throttle it is never given up: each
step makes it another guest. Where ``on_timeout`` is not abort, it is left to
the deadline.

Example: 96 MiB written over and over, auto-converge at 99% after 40 s: given
up after 70 s at the earliest, if a pass has ended by then and the passes at
99% still left too much.
"""

from dataclasses import dataclass

from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Budget,
    Decision,
    OnTimeout,
)
from nova_livemig_gpu.policies.outlook import Outlook, mib
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.prediction.throttled import MOST

_PASSES = 3
_S = 30.0


@dataclass(frozen=True)
class Ceiling:
    """When the throttle reached its most.

    :ivar passes: finished by then
    """

    passes: int
    t_s: float


def ceiling(progress: Progress) -> Ceiling | None:
    """Return what is to be remembered (``Policy.remember``): the first
    sample at 99%, or None before it."""
    if isinstance(progress.memory, Ceiling):
        return progress.memory
    if progress.throttle_percent < MOST:
        return None
    return Ceiling(progress.pass_count, progress.elapsed_s)


def give_up(
    budget: Budget, progress: Progress, view: Outlook, throttled: bool
) -> Decision | None:
    """Return the abort, or None.

    :param throttled: auto-converge is on
    """
    if view.precopy.converges or not stuck(progress, throttled):
        return None
    if budget.on_timeout is not OnTimeout.ABORT:
        return None
    floor = view.precopy.floor_bytes
    return Decision(
        Action(ActionKind.ABORT),
        code="cannot_converge",
        reason=(
            f"after {progress.pass_count} passes further ones leave "
            f"{mib(floor)} at least, which is "
            f"{floor / view.bandwidth_bps * 1e3:.0f} ms at "
            f"{mib(view.bandwidth_bps)}/s; max_downtime_ms is "
            f"{budget.max_downtime_ms}, post-copy is "
            f"{'not possible' if budget.postcopy else 'forbidden'}"
        ),
        numbers=view.numbers(),
    )


def stuck(progress: Progress, throttled: bool) -> bool:
    """Whether nothing has been gained for long enough."""
    passes, t_s = progress.best_pass, progress.best_s
    if throttled:
        full = progress.memory
        if not isinstance(full, Ceiling):
            return False
        passes, t_s = max(passes, full.passes), max(t_s, full.t_s)
    return (
        progress.pass_count - passes >= _PASSES
        and progress.elapsed_s - t_s >= _S
    )
