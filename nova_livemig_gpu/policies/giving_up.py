"""What ``adaptive`` does where pre-copy is not expected to end.

``timeout_s`` is the operator's word: until then the migration goes on, for a
load may fall at any time, and what was copied would be lost. But its operator
is told, once (code ``not_converging``: log, record, the server's events), with
the numbers and what would help, when

* pre-copy does not converge by its outlook, and 2 passes and 10 s have gained
  nothing since the last pass that left 5% less than the best before it;
* or, whatever the outlook says, 10 passes and 60 s have gained nothing.

With auto-converge the first counts from when the throttle has reached its 99%
(QEMU's ``max-cpu-throttle``): each step makes it another guest; and the second
is 30 passes and 120 s, for a throttle that does not rise.

``not_converging = abort``: it is given up (code ``cannot_converge``) where
pre-copy does not converge by its outlook, and 3 passes and 30 s have gained
nothing, from when the throttle is at 99% with auto-converge; but not while the
link has fallen (``policies.link_fall``). Where
``on_timeout`` is not abort it is left to the deadline all the same.

Missing data: without an outlook nothing is said and nothing given up.

Example: 96 MiB written over and over, 400 ms at 45 MiB/s: 18 MiB. Said after
12 s, with a max_downtime_ms of 2234 as one of the ways. With auto-converge at
99% after 40 s: after 50 s, if it has not ended by then.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Budget,
    Decision,
    DirtyCurve,
    NotConverging,
    OnTimeout,
    Surroundings,
)
from nova_livemig_gpu.policies import link_fall
from nova_livemig_gpu.policies.outlook import Outlook, mib
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.prediction import precopy
from nova_livemig_gpu.prediction.throttled import MOST

SAID_CODE = "not_converging"
#: Passes and seconds without a gain.
SAID = 2, 10.0
_SAID_ANYHOW = 10, 60.0
_SAID_THROTTLED = 30, 120.0
_GIVEN_UP = 3, 30.0
#: Of the rate, what might do.
_FASTER = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
_BITS, _MEGA = 8, 10**6


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


def without_end(
    budget: Budget,
    around: Surroundings,
    progress: Progress,
    view: Outlook,
    throttled: bool,
) -> Decision | None:
    """Return what is said or done, or None.

    :param throttled: auto-converge is on
    """
    if _to_be_given_up(budget, progress, view, throttled):
        return Decision(
            Action(ActionKind.ABORT),
            code="cannot_converge",
            reason=f"{_facts(budget, progress, view)}, post-copy is "
            f"{'not possible' if budget.postcopy else 'forbidden'}",
            numbers=view.numbers(),
        )
    if progress.warned(SAID_CODE):
        return None
    if not _to_be_said(progress, view, throttled):
        return None
    curve = progress.curve(around.curve)
    return Decision(
        Action(ActionKind.WARN),
        code=SAID_CODE,
        reason=(
            f"it is not expected to end: {_facts(budget, progress, view)}. "
            f"{goes_on(budget)}. What would help: "
            + ", or ".join(_helps(budget, around, view, curve))
        ),
        numbers=view.numbers(),
    )


def _to_be_given_up(
    budget: Budget, progress: Progress, view: Outlook, throttled: bool
) -> bool:
    return (
        budget.not_converging is NotConverging.ABORT
        and budget.on_timeout is OnTimeout.ABORT
        and not view.precopy.converges
        and stuck(progress, throttled, *_GIVEN_UP)
        and not link_fall.has_fallen(progress, view.left_bytes)
    )


def _to_be_said(progress: Progress, view: Outlook, throttled: bool) -> bool:
    anyhow = _SAID_THROTTLED if throttled else _SAID_ANYHOW
    if stuck(progress, False, *anyhow):
        return True
    return not view.precopy.converges and stuck(progress, throttled, *SAID)


def _facts(budget: Budget, progress: Progress, view: Outlook) -> str:
    floor = _floor_bytes(progress, view)
    return (
        f"after {progress.pass_count} passes further ones leave "
        f"{mib(floor)} at least, which is "
        f"{floor / view.bandwidth_bps * 1e3:.0f} ms at "
        f"{mib(view.bandwidth_bps)}/s; max_downtime_ms is "
        f"{budget.max_downtime_ms}"
    )


def _floor_bytes(progress: Progress, view: Outlook) -> float:
    if view.precopy.converges:
        return float(progress.best_bytes or view.left_bytes)
    return view.precopy.floor_bytes


def goes_on(budget: Budget) -> str:
    """Say until when."""
    if budget.timeout_s is None:
        return "It goes on until it ends or is aborted"
    return (
        f"It goes on for timeout_s ({budget.timeout_s:g} s), then on_timeout "
        f"is {budget.on_timeout.value}"
    )


def _helps(
    budget: Budget, around: Surroundings, view: Outlook, curve: DirtyCurve
) -> Iterator[str]:
    yield "less work in the server"
    if not budget.postcopy and around.no_postcopy is None:
        yield "postcopy = allow"
    if not budget.auto_converge:
        yield "auto_converge = allow"
    if view.precopy.converges:
        return
    needed_ms = view.precopy.floor_bytes / view.bandwidth_bps * 1e3
    yield f"a max_downtime_ms of {int(needed_ms + around.overhead_ms) + 1}"
    for factor in _FASTER:
        rate = view.bandwidth_bps * factor
        ahead = precopy.predict(curve, view.left_bytes, rate, view.limit_ms)
        if ahead.converges:
            yield f"{rate * _BITS / _MEGA:.0f} Mbit/s for it"
            return


def stuck(
    progress: Progress, throttled: bool, least_passes: int, least_s: float
) -> bool:
    """Whether nothing has been gained for long enough."""
    passes, t_s = progress.best_pass, progress.best_s
    if throttled:
        full = progress.memory
        if not isinstance(full, Ceiling):
            return False
        passes, t_s = max(passes, full.passes), max(t_s, full.t_s)
    return (
        progress.pass_count - passes >= least_passes
        and progress.elapsed_s - t_s >= least_s
    )
