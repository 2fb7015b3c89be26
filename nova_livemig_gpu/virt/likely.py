"""Pre-copy, or the switch to post-copy that the policy would make.

A policy that may switch does it after the first pass or inside it
(``policies.to_postcopy``), where pre-copy does not end, or where that saves
more than half a second and a tenth of the time; with the goal ``gentle`` only
where pre-copy does not end, and never with a VFIO device.
"""

from nova_livemig_gpu.model import (
    Budget,
    Goal,
    Mode,
    PostcopyStart,
    Prediction,
    Surroundings,
)
from nova_livemig_gpu.policies.to_postcopy import saves
from nova_livemig_gpu.prediction import early, least, throttled
from nova_livemig_gpu.prediction.asked import (
    Rule,
    Transport,
    Wanted,
    Workload,
)
from nova_livemig_gpu.prediction.forecast import forecast


def predict(
    load: Workload,
    transport: Transport,
    limit_ms: float,
    budget: Budget,
    around: Surroundings,
) -> Prediction:
    """Predict what the policy will do; by the model alone.

    :raises InvalidInput: naming the field
    """
    if not around.vfio:
        limit_ms = set_limit_ms(
            load, transport, limit_ms, budget.policy, budget.goal
        )

    def as_(mode: Mode, soon: bool = False) -> Prediction:
        wanted = Wanted(limit_ms, mode, Rule.QEMU, early=soon)
        return forecast(load, transport, wanted)

    plain = as_(Mode.PRECOPY)
    if not budget.postcopy or around.no_postcopy or around.vfio:
        return plain
    switched = as_(Mode.HYBRID)
    start = budget.postcopy_start
    if budget.goal is Goal.FAST and start is PostcopyStart.AS_PREDICTED:
        soon = as_(Mode.HYBRID, soon=True)
        if soon.total_s is not None and early.pays(plain, soon.total_s):
            switched = soon
    if not plain.converges:
        return switched
    assert plain.total_s is not None and switched.total_s is not None
    saving_s = plain.total_s - switched.total_s
    if budget.goal is Goal.GENTLE or not saves(saving_s, switched.total_s):
        return plain
    return switched


def throttle_percent(
    load: Workload,
    transport: Transport,
    limit_ms: float,
    budget: Budget,
    around: Surroundings,
    cpu_share: float | None,
) -> int | None:
    """Return the throttle that a server needs whose pre-copy does not end,
    see ``prediction.throttled``; None: it is given none, its dirty curve is
    unknown, or none is enough.

    :param cpu_share: see ``virt.vcpus``; None: unknown
    """
    if not _looks_ahead(budget.policy, budget.goal) or around.vfio:
        return None
    if not budget.auto_converge:
        return None
    if budget.postcopy and not around.no_postcopy:
        return None
    return throttle_that_ends(load, transport, limit_ms, cpu_share)


def throttle_that_ends(
    load: Workload,
    transport: Transport,
    limit_ms: float,
    cpu_share: float | None,
) -> int | None:
    """The same for a server that is given one."""
    if load.curve is None:
        return None
    return throttled.needed(
        load.memory, load.curve, transport.memory_bps, limit_ms, cpu_share
    )


def set_limit_ms(
    load: Workload,
    transport: Transport,
    most_ms: float,
    policy: str,
    goal: Goal,
) -> float:
    """Return the limit that a policy will set for a server without a device,
    see ``policies.held_limit``.

    :param most_ms: the most that it may set
    """
    if not _looks_ahead(policy, goal) or load.curve is None:
        return most_ms
    return least.limit_ms(
        load.memory, load.curve, transport.memory_bps, most_ms
    )


def _looks_ahead(policy: str, goal: Goal) -> bool:
    return policy == "adaptive" and goal is Goal.FAST
