"""Prefers hosts where the migration is expected to cost less.

``[filter_scheduler] weight_classes`` takes the dotted path of the class.
"""

from collections.abc import Sequence
from typing import Any

from nova.scheduler import utils, weights
from oslo_log import log as logging

from nova_livemig_gpu.facts.now import Now
from nova_livemig_gpu.scheduler import options
from nova_livemig_gpu.scheduler import request as requests
from nova_livemig_gpu.scheduler.cost import cost
from nova_livemig_gpu.scheduler.once import once

LOG = logging.getLogger(__name__)

OPTION = "migration_cost_weight_multiplier"


class MigrationCostWeigher(weights.BaseHostWeigher):  # type: ignore[misc]
    """Weighs a host with minus its cost; other requests weigh nothing.

    A host that tells nothing of itself costs as much as the dearest.
    """

    def __init__(self) -> None:
        super().__init__()
        self._multiplier: float | None = None

    def weight_multiplier(self, host_state: Any) -> float:
        """Override of nova.weights.BaseWeigher: from the host's aggregates,
        else from the option."""
        configured = self._multiplier
        if configured is None:
            configured = options.cost_multiplier()
        for aggregate in host_state.aggregates:
            if OPTION in aggregate.metadata:
                found: float = utils.get_weight_multiplier(
                    host_state, OPTION, configured
                )
                return found
        return configured

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> float:
        return self._weights([host_state], weight_properties)[0]

    def weigh_objects(
        self, weighed_obj_list: Sequence[Any], weight_properties: Any
    ) -> list[float]:
        """Override of nova.weights.BaseWeigher, to ask once for all."""
        try:
            # Nova asks for the multiplier of each host next.
            self._multiplier = options.cost_multiplier()
            hosts = [weighed.obj for weighed in weighed_obj_list]
            return self._weights(hosts, weight_properties)
        except Exception as exc:
            once(LOG, exc, "MigrationCostWeigher failed")
            return [0.0] * len(weighed_obj_list)

    def _weights(self, hosts: list[Any], spec: Any) -> list[float]:
        request = requests.find(spec)
        if request is None:
            return [0.0] * len(hosts)
        costs = [_cost(view) for view in request.views(hosts)]
        known = [each for each in costs if each is not None]
        dearest = max(known, default=0.0)
        return [-dearest if each is None else -each for each in costs]


def _cost(view: Now | None) -> float | None:
    return None if view is None else cost(view)
