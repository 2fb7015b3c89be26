"""The settings that a server has of its flavor and its image."""

from collections.abc import Container, Mapping
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


def resolve(
    server: Any, defaults: Mapping[str, Any], by_image: Container[str]
) -> dict[str, Any]:
    """Return settings of a server: as its flavor says, else its image, else
    the default. A value that cannot be read is skipped, aloud.

    :param server: nova.objects.Instance
    :param defaults: name of each setting that is wanted -> its default
    :param by_image: those that images may set, option ``image_properties``
    """
    specs = extra_specs(server._context, server)
    properties = image_properties(server)
    found = {}
    for name, default in defaults.items():
        told = [_told("flavor", FLAVOR_PREFIX, name, specs)]
        if name in by_image:
            told.append(_told("image", IMAGE_PREFIX, name, properties))
        found[name] = next((v for v in told if v is not None), default)
    return found


def _told(
    source: str, prefix: str, name: str, texts: Mapping[str, str]
) -> Any:
    key = prefix + name
    if key not in texts:
        return None
    try:
        return parse(name, texts[key], f"{source} {key}")
    except InvalidSetting as exc:
        LOG.warning("%s. It is skipped.", exc)
        return None


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
