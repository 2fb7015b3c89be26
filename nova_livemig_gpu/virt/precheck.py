"""The filters' checks once more, on the destination itself.

A forced migration meets no filter, and the facts of a host may have changed
since it was chosen. What is unknown does not refuse here: that is the
scheduler's option, and a host that runs without this package, or a cloud
that does not use the filters, migrates as plain Nova does.

Nor does the CPU refuse here. Nova compares it right after this, unless an
operator has set ``[workarounds] skip_cpu_compare_on_dest``, and libvirt
compares the server's own CPU with what QEMU turns on, before anything of the
server is sent. What the filter would say is logged.

Nor does the room on its GPUs: Placement and Nova count it, and have claimed
some of it for this very server by now.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import nova.conf
from nova import exception
from oslo_log import log as logging

from nova_livemig_gpu.facts import codec
from nova_livemig_gpu.model import HostFacts, VgpuType
from nova_livemig_gpu.scheduler import cpu_check, options, server
from nova_livemig_gpu.scheduler.needs import ServerNeeds
from nova_livemig_gpu.scheduler.verdict import LAST_RESORT, Verdict
from nova_livemig_gpu.scheduler.vgpu_filter import VGPUCompatibilityFilter
from nova_livemig_gpu.scheduler.views import Views

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF

_FILTERS = (VGPUCompatibilityFilter,)


def needs(
    instance: Any, source_stats: Mapping[str, Any] | None
) -> ServerNeeds:
    """Return what a server needs of a host.

    :param source_stats: ``stats`` of the server's compute node; None:
        unknown
    """
    return server.needs_with(
        instance, codec.decode(source_stats), options.rules()
    )


def check(instance: Any, wanted: ServerNeeds, here: HostFacts) -> None:
    """Refuse a server that cannot live on this host.

    :param wanted: what the server needs, see :func:`needs`
    :param here: facts of this host, as they are now
    :raises MigrationPreCheckError: with the filters' own words
    """
    _warn_of_cpu(instance, wanted, here)
    refusal = _refusal(wanted, here)
    if refusal is not None:
        told = refusal.tell(CONF.host)
        LOG.warning("Refused: %s", told, instance=instance)
        raise exception.MigrationPreCheckError(
            reason=f"{told} ({refusal.code})"
        )


def _warn_of_cpu(instance: Any, wanted: ServerNeeds, here: HostFacts) -> None:
    verdict = cpu_check.check(here, wanted)
    if verdict.ok is False:
        LOG.warning(
            "libvirt will probably refuse this server here: %s (%s)",
            verdict.tell(CONF.host),
            verdict.code,
            instance=instance,
        )


def _refusal(wanted: ServerNeeds, here: HostFacts) -> Verdict | None:
    rules = options.rules()
    table = Views().look([_Here(codec.encode(_roomy(here)))])
    for each in _FILTERS:
        (found,) = each().judge(wanted, rules)(table)
        if found.ok is False and found.code not in LAST_RESORT:
            return found
    return None


def _roomy(here: HostFacts) -> HostFacts:
    """Return the facts of a host of whose room nothing is known."""
    if here.gpus is None:
        return here
    gpus = (
        replace(gpu, types=tuple(map(_of_unknown_room, gpu.types)))
        for gpu in here.gpus
    )
    return replace(here, gpus=tuple(gpus))


def _of_unknown_room(vgpu: VgpuType) -> VgpuType:
    return replace(vgpu, creatable=None, or_more=False, idle=0)


@dataclass(frozen=True)
class _Here:
    """This host, as the scheduler would see it."""

    stats: Mapping[str, str]
    uuid: str | None = None
