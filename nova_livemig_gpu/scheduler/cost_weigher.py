"""Prefers hosts where the migration is expected to cost less.

``[filter_scheduler] weight_classes`` takes the dotted path of the class.
"""

from collections.abc import Sequence
from itertools import chain
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
        # Requests share a weigher, and run side by side: so both of these
        # are only ever set, never cleared.
        self._asked = False
        self._overridden = False

    def weight_multiplier(self, host_state: Any) -> float:
        """Override of nova.weights.BaseWeigher: from the host's aggregates,
        else from the option.

        Aggregates are only looked at where :meth:`_ask` has found that one
        has a value: Nova comes here for each host, and a host's aggregates
        are far away in memory.
        """
        if self._asked and not self._overridden:
            return self._multiplier
        found: float = utils.get_weight_multiplier(
            host_state, OPTION, self._multiplier
        )
        return found

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
        if request is None or request.needs is None:
            return [0.0] * len(hosts)
        self._ask(hosts)
        loads = request.table(hosts).loads
        of_load = _Weights(request.needs)
        found = list(map(of_load.__getitem__, loads))
        if None not in of_load:
            return found
        lowest = min(of_load.values())
        return [
            lowest if load is None else weight
            for load, weight in zip(loads, found, strict=True)
        ]

    def _ask(self, hosts: list[Any]) -> None:
        """Ask whether an aggregate has a multiplier of its own. Once one
        has, each host's are looked at for good."""
        if not self._overridden:
            listed = [host.aggregates for host in hosts]
            aggregates = set(chain.from_iterable(listed))
            if any(OPTION in each.metadata for each in aggregates):
                self._overridden = True
        self._asked = True


class _Weights(dict[Load | None, float]):
    """Works the weight of a load out once: minus its cost."""

    def __init__(self, needs: ServerNeeds) -> None:
        super().__init__()
        self._needs = needs

    def __missing__(self, load: Load | None) -> float:
        found = 0.0 if load is None else -cost(load, self._needs)
        self[load] = found
        return found
