"""Would the server be stopped longer than it may?

The server's host has predicted how long its vGPUs stop it over the host's own
link, and tells what of that is held against a budget (``model.Stun.held_ms``).
Over a slower link the same state takes longer:

    stun there = stun · max(1, link of the source / link of the destination)

A link that is unknown at either end changes nothing. The server's setting
``over_budget`` says what becomes of a host over which it takes too long:
"refuse", "warn", or "allow": no finding then. Only the vGPUs' share
of the pause is compared with the server's ``max_downtime_ms``: a migration
that is over the budget with it alone cannot keep it.

Example: 724 ms over 25,000 Mbit/s is 1,810 ms over 10,000 Mbit/s. With a
budget of 1,000 ms a host with a link of 25,000 passes, one with 10,000 does
not.
"""

from nova_livemig_gpu.scheduler.needs import StunNeeds
from nova_livemig_gpu.scheduler.verdict import Verdict


def stun_ms(need: StunNeeds, link_mbps: int | None) -> float:
    """Return the predicted stun on the way to a host.

    :param link_mbps: of that host; None: unknown
    """
    if need.link_mbps is None or link_mbps is None:
        return need.stun_ms
    return need.stun_ms * max(1.0, need.link_mbps / link_mbps)


def check(need: StunNeeds, link_mbps: int | None) -> Verdict | None:
    """Judge a host by its link; None: nothing against it."""
    expected_ms = stun_ms(need, link_mbps)
    if expected_ms <= need.max_downtime_ms or need.over_budget == "allow":
        return None
    refused = need.over_budget == "refuse"
    return Verdict(
        "vgpu.stun" if refused else "vgpu.stun_accepted",
        False if refused else None,
        f"its vGPUs are expected to stop the server for {expected_ms:.0f} ms "
        f"{_way(need, link_mbps)}, its max_downtime_ms is "
        f"{need.max_downtime_ms}",
    )


def _way(need: StunNeeds, link_mbps: int | None) -> str:
    known = [each for each in (need.link_mbps, link_mbps) if each is not None]
    if not known:
        return "over a link of unknown speed"
    return f"over {min(known)} Mbit/s"
