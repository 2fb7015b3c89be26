"""What a block migration has to copy besides memory.

The sum, over the disks that Nova has libvirt copy, of the bytes allocated in
each (virDomainGetBlockInfo), its capacity at most: what was never written is
not sent. No block migration: 0. Anything that cannot be told: None, unknown.
"""

from typing import Any

from oslo_log import log as logging

LOG = logging.getLogger(__name__)


def copied_bytes(
    driver: Any, context: Any, instance: Any, guest: Any, migrate_data: Any
) -> float | None:
    """Return bytes to copy; None: unknown. Never raises.

    Relies on ``LibvirtDriver._live_migration_copy_disk_paths``, which Nova
    itself calls for each block migration.
    """
    try:
        if not migrate_data.block_migration:
            return 0.0
        _, devices = driver._live_migration_copy_disk_paths(
            context, instance, guest
        )
        return float(sum(_one(guest._domain, each) for each in devices))
    except Exception as exc:
        LOG.warning(
            "What this block migration has to copy of disks is unknown, and "
            "left out of its forecast: %s",
            exc,
            instance=instance,
        )
        return None


def _one(domain: Any, device: str) -> int:
    capacity, allocation, _ = domain.blockInfo(device)
    return max(0, min(int(capacity), int(allocation)))
