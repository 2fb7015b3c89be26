"""Leaves out hosts that cannot receive the server's vGPUs.

``[filter_scheduler] available_filters`` takes the dotted path of the class,
``enabled_filters`` its name (nova/scheduler/host_manager.py).
"""

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.facts.base import Base
from nova_livemig_gpu.facts.now import UNKNOWN, Now
from nova_livemig_gpu.scheduler import stun_check, vgpu_check
from nova_livemig_gpu.scheduler.facts_filter import FactsFilter, Judge
from nova_livemig_gpu.scheduler.needs import ServerNeeds, StunNeeds
from nova_livemig_gpu.scheduler.verdict import (
    NO_VGPU,
    VGPU_FITS,
    Verdict,
    worst,
)
from nova_livemig_gpu.scheduler.vgpu_check import Plan


class VGPUCompatibilityFilter(FactsFilter):
    """For a live migration of a server with vGPUs: only hosts with a GPU
    that they can go on with, and room, and a link that does not stop the
    server for too long. See :mod:`.vgpu_check` and :mod:`.stun_check`."""

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

        if needs.stun is None:
            return judge
        return _with_stun(judge, needs.stun, rules)


def _with_stun(judge: Judge, need: StunNeeds, rules: Rules) -> Judge:
    """Add what the link of a host makes of the stun; hosts share links."""
    over: dict[int | None, Verdict | None] = {}

    def both(view: Now | None) -> Verdict:
        verdict = judge(view)
        link_mbps = None if view is None else view.load.link_mbps
        try:
            stun = over[link_mbps]
        except KeyError:
            stun = over[link_mbps] = stun_check.check(need, link_mbps)
        if stun is None:
            return verdict
        return worst((verdict, stun), rules) or verdict

    return both
