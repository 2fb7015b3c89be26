"""Leaves out hosts that cannot receive the server's vGPUs.

``[filter_scheduler] available_filters`` takes the dotted path of the class,
``enabled_filters`` its name (nova/scheduler/host_manager.py).
"""

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.facts.base import Base
from nova_livemig_gpu.facts.now import CERTAIN, Load
from nova_livemig_gpu.scheduler import stun_check, vgpu_check
from nova_livemig_gpu.scheduler.facts_filter import FactsFilter, Judge
from nova_livemig_gpu.scheduler.needs import ServerNeeds, StunNeeds
from nova_livemig_gpu.scheduler.table import Table
from nova_livemig_gpu.scheduler.verdict import (
    LAST_RESORT,
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
        plans = _Plans(needs, rules)
        over = _Over(needs.stun)

        def judge(hosts: Table) -> list[Verdict]:
            verdicts = []
            for base, totals, stun in zip(
                hosts.bases,
                hosts.totals,
                map(over.__getitem__, hosts.loads),
                strict=True,
            ):
                plan = plans[base]
                only = plan.only
                if only >= 0 and totals[only] & CERTAIN:
                    # The usual case, without a call.
                    verdicts.append(stun or VGPU_FITS)
                else:
                    found = plan.check(totals)
                    verdicts.append(_both(found, stun, rules))
            return verdicts

        return judge


class _Plans(dict[Base | None, Plan]):
    """The plan for all hosts with a base, made once."""

    def __init__(self, needs: ServerNeeds, rules: Rules) -> None:
        super().__init__()
        self._needs = needs
        self._rules = rules

    def __missing__(self, base: Base | None) -> Plan:
        found = vgpu_check.plan(base, self._needs, self._rules)
        self[base] = found
        return found


class _Over(dict[Load | None, Verdict | None]):
    """What the stun says of a link; hosts share links."""

    def __init__(self, need: StunNeeds | None) -> None:
        super().__init__()
        self._need = need

    def __missing__(self, load: Load | None) -> Verdict | None:
        found, link = None, None if load is None else load.link_mbps
        if self._need is not None:
            found = stun_check.check(self._need, link)
        self[load] = found
        return found


def _both(verdict: Verdict, stun: Verdict | None, rules: Rules) -> Verdict:
    if stun is None:
        return verdict
    if stun.ok is False and verdict.code in LAST_RESORT:
        return stun  # or it would be taken where no other host remains
    return worst((verdict, stun), rules) or verdict
