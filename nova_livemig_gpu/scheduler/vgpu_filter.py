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
        over = _Over(needs.stun)

        def judge(view: Now | None) -> Verdict:
            if view is None:
                return _both(unknown, over[None], rules)
            base = view.base
            plan = plans.get(base)
            if plan is None:
                plan = plans[base] = vgpu_check.plan(base, needs, rules)
            stun = over[view.load.link_mbps]
            if plan.only >= 0 and 0 < view.totals[plan.only] < UNKNOWN:
                return stun or VGPU_FITS
            return _both(plan.check(view), stun, rules)

        return judge


class _Over(dict[int | None, Verdict | None]):
    """What the stun says of a link; hosts share links."""

    def __init__(self, need: StunNeeds | None) -> None:
        super().__init__()
        self._need = need

    def __missing__(self, link_mbps: int | None) -> Verdict | None:
        need = self._need
        found = None if need is None else stun_check.check(need, link_mbps)
        self[link_mbps] = found
        return found


def _both(verdict: Verdict, stun: Verdict | None, rules: Rules) -> Verdict:
    if stun is None:
        return verdict
    return worst((verdict, stun), rules) or verdict
