"""Prefers hosts where the migration is expected to cost less.

``[filter_scheduler] weight_classes`` takes the dotted path of the class.
"""

from collections.abc import Sequence
from typing import Any

from nova.scheduler import utils, weights
from oslo_log import log as logging

from nova_livemig_gpu.facts.now import Load
from nova_livemig_gpu.scheduler import options
from nova_livemig_gpu.scheduler import request as requests
from nova_livemig_gpu.scheduler.cost import cost
from nova_livemig_gpu.scheduler.needs import ServerNeeds
from nova_livemig_gpu.scheduler.once import once

LOG = logging.getLogger(__name__)

OPTION = "migration_cost_weight_multiplier"


class MigrationCostWeigher(weights.BaseHostWeigher):  # type: ignore[misc]
    """Weighs a host with minus its cost; other requests weigh nothing.

    A host that tells nothing of itself costs as much as the dearest.
    """

    def __init__(self) -> None:
        super().__init__()
        self._multiplier = options.cost_multiplier()
        self._overrides = _Overrides()

    def weight_multiplier(self, host_state: Any) -> float:
        """Override of nova.weights.BaseWeigher: from the host's aggregates,
        else from the option."""
        overrides = self._overrides
        for aggregate in host_state.aggregates:
            if overrides[aggregate]:
                found: float = utils.get_weight_multiplier(
                    host_state, OPTION, self._multiplier
                )
                return found
        return self._multiplier

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> float:
        return self._weights([host_state], weight_properties)[0]

    def weigh_objects(
        self, weighed_obj_list: Sequence[Any], weight_properties: Any
    ) -> list[float]:
        """Override of nova.weights.BaseWeigher, to ask once for all."""
        try:
            # Nova asks for the multiplier of each host next.
            self._multiplier = options.cost_multiplier()
            self._overrides = _Overrides()
            hosts = [weighed.obj for weighed in weighed_obj_list]
            return self._weights(hosts, weight_properties)
        except Exception as exc:
            once(LOG, exc, "MigrationCostWeigher failed")
            return [0.0] * len(weighed_obj_list)

    def _weights(self, hosts: list[Any], spec: Any) -> list[float]:
        request = requests.find(spec)
        if request is None or request.needs is None:
            return [0.0] * len(hosts)
        views = request.views(hosts)
        costs = _Costs(request.needs)
        found = [None if view is None else costs[view.load] for view in views]
        dearest = max(costs.values(), default=0.0)
        return [-dearest if each is None else -each for each in found]


class _Overrides(dict[Any, bool]):
    """Whether an aggregate has a multiplier of its own, asked once a
    request: hosts share aggregates, and reading a versioned object is slow.
    """

    def __missing__(self, aggregate: Any) -> bool:
        found = self[aggregate] = OPTION in aggregate.metadata
        return found


class _Costs(dict[Load, float]):
    """Works the cost of a load out once."""

    def __init__(self, needs: ServerNeeds) -> None:
        super().__init__()
        self._needs = needs

    def __missing__(self, load: Load) -> float:
        found = self[load] = cost(load, self._needs)
        return found
