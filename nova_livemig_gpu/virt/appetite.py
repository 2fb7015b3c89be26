"""What a migration wants of the link, as Nova's side knows it."""

from dataclasses import replace

from nova_livemig_gpu.history.transports import Link
from nova_livemig_gpu.migration.pace import Pace
from nova_livemig_gpu.migration.sharers import Lane, Terms
from nova_livemig_gpu.model import BandwidthLaw, OverBudget
from nova_livemig_gpu.policies import need
from nova_livemig_gpu.policies.base import Policy
from nova_livemig_gpu.policies.device_state import MARGIN
from nova_livemig_gpu.policies.limit import goes_up_to_ms, limit_max_ms
from nova_livemig_gpu.policies.sharing import UNKNOWN, Demand, capacity_bps
from nova_livemig_gpu.virt.foreseen import Foreseen


def demand(
    policy: Policy, foreseen: Foreseen, terms: Terms, link: Link | None
) -> Demand:
    """Return what is known of it before the start.

    :param link: to its destination; None: unknown
    """
    if terms.capacity_bps is None or not _paced(policy):
        return UNKNOWN
    bounds = [
        each
        for each in (
            policy.budget.bandwidth_bps,
            capacity_bps(link.mbps, 0) if link else None,
        )
        if each
    ]
    most = min(bounds, default=None)
    needed = need.need_bps(
        _load(policy, foreseen), min([terms.capacity_bps, *bounds])
    )
    return Demand(needed, most, policy.plan().channels or 1)


def pace(policy: Policy, foreseen: Foreseen, lane: Lane | None) -> Pace | None:
    """Return what looks after its rate; None: nothing does.

    With a VFIO device ``bandwidth_law`` is ``full``: what the device's stop
    may be is reckoned from what the link carries (``policies.device``), and
    that is seen only where as much is sent.
    """
    if lane is None or not _paced(policy):
        return None
    budget = policy.budget
    if policy.around.vfio:
        budget = replace(budget, bandwidth_law=BandwidthLaw.FULL)
    return Pace(lane, budget, _load(policy, foreseen), foreseen.curve)


def _paced(policy: Policy) -> bool:
    return policy.steers and not policy.paces


def _load(policy: Policy, foreseen: Foreseen) -> need.Load:
    return need.Load(
        foreseen.memory,
        foreseen.curve,
        goes_up_to_ms(policy),
        policy.budget.timeout_s,
        policy.plan().postcopy,
        _device_bps(policy),
    )


def _device_bps(policy: Policy) -> float:
    """N_device; 0 as well where the pause may be longer than the budget."""
    budget, stun = policy.budget, policy.around.stun
    if stun is None or not stun.framebuffer_bytes:
        return 0.0
    if budget.over_budget is not OverBudget.REFUSE:
        return 0.0
    limit_s = limit_max_ms(budget, policy.around) / 1e3
    return MARGIN * stun.framebuffer_bytes / limit_s
