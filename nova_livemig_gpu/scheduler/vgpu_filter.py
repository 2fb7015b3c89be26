"""Leaves out hosts that cannot receive the server's vGPUs.

``[filter_scheduler] available_filters`` takes the dotted path of the class,
``enabled_filters`` its name (nova/scheduler/host_manager.py).
"""

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.facts.base import Base
from nova_livemig_gpu.facts.now import UNKNOWN, Now
from nova_livemig_gpu.scheduler import vgpu_check
from nova_livemig_gpu.scheduler.facts_filter import FactsFilter, Judge
from nova_livemig_gpu.scheduler.needs import ServerNeeds
from nova_livemig_gpu.scheduler.verdict import NO_VGPU, VGPU_FITS, Verdict
from nova_livemig_gpu.scheduler.vgpu_check import Plan


class VGPUCompatibilityFilter(FactsFilter):
    """For a live migration of a server with vGPUs: only hosts with a GPU
    that they can go on with, and room. See :mod:`.vgpu_check`."""

    def judge(self, needs: ServerNeeds, rules: Rules) -> Judge:
        unknown = NO_VGPU if needs.vgpus == () else vgpu_check.NO_FACTS
        plans: dict[Base, Plan] = {}

        def judge(view: Now | None) -> Verdict:
            if view is None:
                return unknown
            base = view.base
            plan = plans.get(base)
            if plan is None:
                plan = plans[base] = vgpu_check.plan(base, needs, rules)
            if plan.only >= 0 and 0 < view.totals[plan.only] < UNKNOWN:
                return VGPU_FITS
            return plan.check(view)

        return judge
