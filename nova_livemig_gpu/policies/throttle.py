"""Auto-converge's steps, and the pause that a throttle is by itself.

A CPU under a throttle of p percent stands still for
s(p) = 10 ms * p / (100 - p) at a time (``prediction.throttled``), and the stop
of the server may come at the end of such a time: the guest sees s(p) and the
downtime as one pause. So, L_max being the most that the limit may be:

limit
    L_max - s(p) at most, where s(p) is half of L_max at most; else L_max,
    since a limit that is lower still would end later, if ever. It is L_max,
    too, once 10 s at 99% were not enough: nothing else is left.
highest
    The largest p with s(p) <= L_max / 2.

Where pre-copy is predicted not to end, with p the throttle that it needs (50
where that is unknown, or none is enough):

initial
    p, but not above the highest.
increment
    To p, where that is above the highest; else to the highest, 20 points at
    most. No less than a third of the way to 99.

So the budget is given up last, but not step by step: a step takes QEMU two
passes, and a second at least. QEMU itself begins with 20, adds 10, and goes
to 99 whatever its steps are; libvirt has no most.

Example: L_max 350 ms. Highest 94: 157 ms. p = 80: 80, 94, 99. p = 97: 94, 97,
99. Unknown: 50, 70, 90, 99. At 90: 90 ms, a limit of 260.
"""

from nova_livemig_gpu.model import Decision, ThrottleSteps
from nova_livemig_gpu.policies.giving_up import Ceiling
from nova_livemig_gpu.policies.limit import lowered
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.prediction.throttled import MOST, stall_ms

_UNKNOWN = 50
_MOST_STEP = 20
_RAISES = 3
_PATIENCE_S = 10.0


def steps(needed_percent: int | None, limit_max_ms: int) -> ThrottleSteps:
    """Return the steps of a server whose pre-copy is predicted not to end.

    :param needed_percent: None: unknown, or none is enough
    """
    needed = needed_percent or _UNKNOWN
    highest = highest_percent(limit_max_ms)
    initial = min(needed, highest)
    if needed > highest:
        step = needed - highest
    else:
        step = min(highest - needed, _MOST_STEP)
    least = -((initial - MOST) // _RAISES)
    return ThrottleSteps(initial, max(step, least, 1))


def highest_percent(limit_max_ms: int) -> int:
    """Return the largest throttle that leaves half of L_max, 1 to 99.

    >>> highest_percent(350), highest_percent(150), highest_percent(10)
    (94, 88, 33)
    """
    half = limit_max_ms / 2
    return max(int(100 * half / (half + 10.0)), 1)


def limit_ms(limit_max_ms: int, progress: Progress) -> int:
    """Return the most that the limit may be now."""
    percent = progress.throttle_percent
    if percent > highest_percent(limit_max_ms):
        return limit_max_ms
    if _out_of_patience(progress):
        return limit_max_ms
    return limit_max_ms - round(stall_ms(percent))


def _out_of_patience(progress: Progress) -> bool:
    """Whether 99% were not enough for 10 s."""
    full = progress.memory
    if not isinstance(full, Ceiling):
        return False
    return progress.elapsed_s - full.t_s >= _PATIENCE_S


def lower(
    limit_max_ms: int, most_ms: int, progress: Progress
) -> Decision | None:
    """Return the lower limit that a throttle asks for, or None.

    :param most_ms: what ``limit_ms`` says
    """
    return lowered(
        limit_max_ms,
        most_ms,
        progress,
        "throttled",
        f"the throttle lets the CPUs stand still for "
        f"{limit_max_ms - most_ms} ms at a time",
    )


def note(percent: int | None, limit_max_ms: int) -> str | None:
    """Return what is to be said of a throttle that may break the budget."""
    if percent is None or percent <= highest_percent(limit_max_ms):
        return None
    return (
        f"auto-converge is predicted to need {percent}%, by which the CPUs "
        f"stand still for {stall_ms(percent):.0f} ms at a time: "
        "max_downtime_ms may not be kept"
    )
