"""Leaves out hosts whose CPU lacks something that the server uses.

``[filter_scheduler] available_filters`` takes the dotted path of the class,
``enabled_filters`` its name (nova/scheduler/host_manager.py).
"""

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.facts.base import Base
from nova_livemig_gpu.facts.now import Now
from nova_livemig_gpu.scheduler import cpu_check
from nova_livemig_gpu.scheduler.facts_filter import FactsFilter, Judge
from nova_livemig_gpu.scheduler.needs import ServerNeeds
from nova_livemig_gpu.scheduler.verdict import Verdict


class CPUCompatibilityFilter(FactsFilter):
    """For a live migration: only hosts whose CPU has all that the server's
    CPU has. See :mod:`.cpu_check`."""

    def judge(self, needs: ServerNeeds, rules: Rules) -> Judge:
        unknown = cpu_check.check(None, needs)
        verdicts: dict[Base, Verdict] = {}

        def judge(view: Now | None) -> Verdict:
            if view is None:
                return unknown
            base = view.base
            verdict = verdicts.get(base)
            if verdict is None:
                verdict = verdicts[base] = cpu_check.check(base.facts, needs)
            return verdict

        return judge
