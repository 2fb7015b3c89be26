"""Leaves out hosts whose CPU lacks something that the server uses.

``[filter_scheduler] available_filters`` takes the dotted path of the class,
``enabled_filters`` its name (nova/scheduler/host_manager.py).
"""

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.facts.base import Base
from nova_livemig_gpu.scheduler import cpu_check
from nova_livemig_gpu.scheduler.facts_filter import FactsFilter, Judge
from nova_livemig_gpu.scheduler.needs import ServerNeeds
from nova_livemig_gpu.scheduler.table import Table
from nova_livemig_gpu.scheduler.verdict import Verdict


class CPUCompatibilityFilter(FactsFilter):
    """For a live migration: only hosts whose CPU has all that the server's
    CPU has. See :mod:`.cpu_check`."""

    def judge(self, needs: ServerNeeds, rules: Rules) -> Judge:
        of_base = _OfBase(needs)

        def judge(hosts: Table) -> list[Verdict]:
            return list(map(of_base.__getitem__, hosts.bases))

        return judge


class _OfBase(dict[Base | None, Verdict]):
    """The verdict on all hosts with a base, found once."""

    def __init__(self, needs: ServerNeeds) -> None:
        super().__init__()
        self._needs = needs

    def __missing__(self, base: Base | None) -> Verdict:
        facts = None if base is None else base.facts
        found = self[base] = cpu_check.check(facts, self._needs)
        return found
