"""Where the settings of a server stand in Nova."""

from collections.abc import Mapping
from typing import Any

from nova import exception as nova_exception
from nova import objects
from oslo_log import log as logging

from nova_livemig_gpu.migration.budget import (
    FLAVOR_PREFIX,
    IMAGE_PREFIX,
    NovaDefaults,
)
from nova_livemig_gpu.model import OnTimeout, Staircase

LOG = logging.getLogger(__name__)

_SYSMETA_IMAGE = "image_"


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


def extra_specs(context: Any, instance: Any) -> Mapping[str, str]:
    """Return the flavor's extra specs that are ours, as they are now.

    A server keeps a copy of its flavor from the time it was created. What a
    migration may cost is the operator's business of today, so the flavor is
    looked up again; the copy serves where it has gone.
    """
    try:
        flavor = objects.Flavor.get_by_flavor_id(
            context.elevated(), instance.flavor.flavorid
        )
    except nova_exception.FlavorNotFound:
        flavor = instance.flavor
    except Exception as exc:
        LOG.warning(
            "Flavor %s cannot be looked up, using the server's copy: %s",
            instance.flavor.flavorid,
            exc,
            instance=instance,
        )
        flavor = instance.flavor
    return _ours(flavor.get("extra_specs") or {}, FLAVOR_PREFIX)


def image_properties(instance: Any) -> Mapping[str, str]:
    """Return the image's properties that are ours.

    They are read from the instance's system metadata, where Nova keeps all
    of them; ``ImageMeta`` drops those that Nova does not know.
    """
    found = {
        key.removeprefix(_SYSMETA_IMAGE): value
        for key, value in instance.system_metadata.items()
        if key.startswith(_SYSMETA_IMAGE)
    }
    return _ours(found, IMAGE_PREFIX)


def _ours(texts: Mapping[str, Any], prefix: str) -> dict[str, str]:
    return {
        key: str(value)
        for key, value in texts.items()
        if key.startswith(prefix)
    }
