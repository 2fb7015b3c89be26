"""Pre-copy, or the switch to post-copy that the policy would make.

A policy that may switch does it after the first pass, where pre-copy does
not end, or where that saves more than half a second and a tenth of the time
(``policies.adaptive``); not with the goal ``gentle``, and not with a VFIO
device.
"""

from nova_livemig_gpu.model import Budget, Goal, Mode, Prediction, Surroundings
from nova_livemig_gpu.prediction.asked import (
    Rule,
    Transport,
    Wanted,
    Workload,
)
from nova_livemig_gpu.prediction.forecast import forecast

_SAVING_S, _SAVING_SHARE = 0.5, 0.1


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

    def as_(mode: Mode) -> Prediction:
        return forecast(load, transport, Wanted(limit_ms, mode, Rule.QEMU))

    plain = as_(Mode.PRECOPY)
    if not budget.postcopy or around.no_postcopy or around.vfio:
        return plain
    switched = as_(Mode.HYBRID)
    if not plain.converges:
        return switched
    assert plain.total_s is not None and switched.total_s is not None
    saving_s = plain.total_s - switched.total_s
    if budget.goal is Goal.GENTLE or saving_s <= max(
        _SAVING_S, _SAVING_SHARE * switched.total_s
    ):
        return plain
    return switched
