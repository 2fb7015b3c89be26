"""What speeds a migration up or down, as Nova and our plan start it."""

from dataclasses import replace
from typing import Any

from nova_livemig_gpu.history.entry import Settings
from nova_livemig_gpu.model import Budget, StartPlan
from nova_livemig_gpu.policies.base import bandwidth_mib_s


def settings(
    libvirt_group: Any,
    channels: int | None,
    mode: str = "precopy",
    limit_ms: float | None = None,
) -> Settings:
    """Return the settings of a migration.

    Nova has no compression. Its ``live_migration_parallel_connections``,
    which 33 brought, is multifd where it is above 1, as are our channels.

    :param libvirt_group: ``[libvirt]``
    :param channels: of our plan; None: as Nova has it
    """
    count = channels or getattr(
        libvirt_group, "live_migration_parallel_connections", None
    )
    several = isinstance(count, int) and count > 1
    return Settings(
        mode=mode,
        limit_ms=limit_ms,
        channels=count if several else None,
        tls=bool(libvirt_group.live_migration_with_native_tls),
    )


def bind_postcopy(plan: StartPlan, budget: Budget) -> StartPlan:
    """Return the plan with ``bandwidth_mbps`` in force for post-copy, too.

    Not so where it is Nova's ``live_migration_bandwidth``: Nova does not hold
    post-copy to that, and it would take longer than with Nova alone.
    """
    mib_s = bandwidth_mib_s(budget.bandwidth_mbps)
    if not plan.postcopy or not mib_s:
        return plan
    if budget.sources.get("bandwidth_mbps") in (None, "nova"):
        return plan
    return replace(plan, postcopy_mib_s=mib_s)
