"""The filters' checks once more, on the destination itself.

A forced migration meets no filter, and the facts of a host may have changed
since it was chosen. What is unknown does not refuse here: that is the
scheduler's option, and a host that runs without this package, or a cloud
that does not use the filters, migrates as plain Nova does.
"""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from nova import exception
from oslo_log import log as logging

from nova_livemig_gpu.facts import codec
from nova_livemig_gpu.scheduler import options, server
from nova_livemig_gpu.scheduler.cpu_filter import CPUCompatibilityFilter
from nova_livemig_gpu.scheduler.needs import ServerNeeds
from nova_livemig_gpu.scheduler.verdict import Verdict
from nova_livemig_gpu.scheduler.vgpu_filter import VGPUCompatibilityFilter
from nova_livemig_gpu.scheduler.views import Views

LOG = logging.getLogger(__name__)

_FILTERS = (CPUCompatibilityFilter, VGPUCompatibilityFilter)


def needs(instance: Any, source_stats: Mapping[str, Any]) -> ServerNeeds:
    """Return what a server needs of a host.

    :param source_stats: ``stats`` of the server's compute node
    """
    return server.needs_with(
        instance, codec.decode(source_stats), options.rules()
    )


def check(
    instance: Any,
    source_stats: Mapping[str, Any],
    own_stats: Mapping[str, str],
    host: str,
) -> None:
    """Refuse a server that cannot live on this host.

    :param source_stats: ``stats`` of the server's compute node
    :param own_stats: ``stats`` of this host, as they are now
    :raises MigrationPreCheckError: with the filters' own words
    """
    refusal = _refusal(instance, source_stats, own_stats)
    if refusal is not None:
        LOG.warning("Refused: %s", refusal.tell(host), instance=instance)
        raise exception.MigrationPreCheckError(
            reason=f"{refusal.tell(host)} ({refusal.code})"
        )


def _refusal(
    instance: Any,
    source_stats: Mapping[str, Any],
    own_stats: Mapping[str, str],
) -> Verdict | None:
    try:
        rules = options.rules()
        wanted = needs(instance, source_stats)
        here = SimpleNamespace(uuid=None, stats=own_stats)
        (view,) = Views().look([here])
        for each in _FILTERS:
            verdict = each().judge(wanted, rules)(view)
            if verdict.ok is False:
                return verdict
    except Exception:
        LOG.exception(
            "Whether this server can live here is left to Nova's checks.",
            instance=instance,
        )
    return None
