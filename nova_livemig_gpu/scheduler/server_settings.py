"""The settings that a server has of its flavor and its image."""

from collections.abc import Mapping
from typing import Any

from nova import exception as nova_exception
from nova import objects
from oslo_log import log as logging

from nova_livemig_gpu.exception import InvalidSetting
from nova_livemig_gpu.migration.budget import (
    FLAVOR_PREFIX,
    IMAGE_PREFIX,
    parse,
)

LOG = logging.getLogger(__name__)

_SYSMETA_IMAGE = "image_"
_DOWNTIME = "max_downtime_ms"


def max_downtime_ms(server: Any, default: int, by_image: bool) -> int:
    """Return how long a server may be stopped: as its flavor says, else its
    image, else the default. A value that cannot be read is skipped, aloud.

    :param server: nova.objects.Instance
    :param by_image: images may set it, option ``image_properties``
    """
    specs = extra_specs(server._context, server)
    told = [("flavor", FLAVOR_PREFIX + _DOWNTIME, specs)]
    if by_image:
        properties = image_properties(server)
        told.append(("image", IMAGE_PREFIX + _DOWNTIME, properties))
    for source, key, texts in told:
        if key not in texts:
            continue
        try:
            found: int = parse(_DOWNTIME, texts[key], f"{source} {key}")
        except InvalidSetting as exc:
            LOG.warning("%s. It is skipped.", exc)
            continue
        return found
    return default


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
