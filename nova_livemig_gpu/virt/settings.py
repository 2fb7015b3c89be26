"""Where the settings of a server stand in Nova."""

from typing import Any

from nova_livemig_gpu.migration.budget import NovaDefaults
from nova_livemig_gpu.model import OnTimeout, Staircase
from nova_livemig_gpu.scheduler.server_settings import (
    extra_specs,
    image_properties,
)

__all__ = ["extra_specs", "image_properties", "nova_defaults", "staircase"]


def nova_defaults(libvirt_group: Any, memory_mb: int) -> NovaDefaults:
    """Read what ``[libvirt]`` says.

    :param memory_mb: of the server; Nova counts its timeout per GiB of
        memory, two at least (``_live_migration_data_gb``)
    """
    group = libvirt_group
    gib = max(memory_mb / 1024, 2)
    return NovaDefaults(
        timeout_s=int(group.live_migration_completion_timeout * gib),
        on_timeout=OnTimeout(group.live_migration_timeout_action),
        postcopy=group.live_migration_permit_post_copy,
        auto_converge=group.live_migration_permit_auto_converge,
        bandwidth_mib_s=group.live_migration_bandwidth,
    )


def staircase(libvirt_group: Any, memory_mb: int) -> Staircase:
    """Read Nova's schedule of downtime limits, for memory alone."""
    return Staircase(
        downtime_ms=libvirt_group.live_migration_downtime,
        steps=libvirt_group.live_migration_downtime_steps,
        delay_s=libvirt_group.live_migration_downtime_delay,
        size_gib=max(memory_mb / 1024, 2),
    )
