"""Finds a server, what it needs, and what its host tells of itself."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from nova import context as nova_context
from nova import exception, objects

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.facts import codec
from nova_livemig_gpu.model import ActiveVgpu, GpuDevice, HostFacts
from nova_livemig_gpu.scheduler import cpu_needs, server_settings
from nova_livemig_gpu.scheduler.needs import (
    ServerNeeds,
    StunNeeds,
    VgpuNeeds,
)

#: Loaded with the server in one go (INSTANCE_OPTIONAL_ATTRS in
#: nova/objects/instance.py).
_ATTRIBUTES = ("flavor", "pci_devices", "system_metadata", "vcpu_model")

_NVIDIA = "10de"


@contextlib.contextmanager
def in_its_cell(context: Any, uuid: str) -> Iterator[tuple[Any, Any]]:
    """Yield (context of the cell, server); None for both: it is in none.

    :param context: of an administrator
    """
    try:
        mapping = objects.InstanceMapping.get_by_instance_uuid(context, uuid)
    except exception.InstanceMappingNotFound:
        mapping = None
    if mapping is None or mapping.cell_mapping is None:
        yield None, None
        return
    with nova_context.target_cell(context, mapping.cell_mapping) as cell:
        try:
            server = objects.Instance.get_by_uuid(
                cell, uuid, expected_attrs=list(_ATTRIBUTES)
            )
        except exception.InstanceNotFound:
            server = None
        yield cell, server


def needs_of(cell: Any, server: Any, rules: Rules) -> ServerNeeds:
    """Return what a server needs; asks the database for its host."""
    try:
        node = objects.ComputeNode.get_by_host_and_nodename(
            cell, server.host, server.node
        )
        source = codec.decode(node.stats)
    except exception.ComputeHostNotFound:
        source = None
    return needs_with(server, source, rules)


def needs_with(
    server: Any, source: HostFacts | None, rules: Rules
) -> ServerNeeds:
    """Return what a server needs.

    :param source: facts of its host
    """
    vgpus, why = _vgpus(server, source, rules)
    cpu, cpu_unknown = cpu_needs.of(server, source)
    return ServerNeeds(
        server=server.uuid,
        source=server.host,
        cpu=cpu,
        vgpus=vgpus,
        cpu_unknown=cpu_unknown,
        vgpus_unknown=why,
        stun=_stun(server, source, rules),
        memory_mib=server.flavor.memory_mb,
    )


def asks_for_vgpu(extra_specs: Any, rules: Rules) -> bool:
    """Whether a flavor asks placement for a vGPU: ``resources:VGPU``,
    ``resources2:VGPU``, ``resources_GPU:VGPU``."""
    for key in extra_specs or {}:
        match = re.fullmatch(r"resources[^:]*:(\w+)", key)
        if match and match[1] in rules.vgpu_resource_classes:
            return True
    return False


def _vgpus(
    server: Any, source: HostFacts | None, rules: Rules
) -> tuple[tuple[VgpuNeeds, ...] | None, str]:
    asks = asks_for_vgpu(server.flavor.extra_specs, rules) or any(
        device.vendor_id == _NVIDIA for device in server.pci_devices or ()
    )
    if source is None or source.gpus is None or source.active is None:
        if not asks:
            return (), ""
        return None, (
            f"the server's host {server.host} does not tell what vGPUs the "
            "server has"
        )
    used = [each for each in source.active if each.server == server.uuid]
    if not used and asks:
        return None, (
            f"the server's host {server.host} has not told yet what vGPU "
            "the server has"
        )
    needs = _grouped(used, source.gpus)
    if needs is None:
        return None, (
            f"the server's host {server.host} tells of a vGPU of the "
            "server's without its GPU or type"
        )
    return needs, ""


def _stun(
    server: Any, source: HostFacts | None, rules: Rules
) -> StunNeeds | None:
    """Every vGPU of the server tells the stun of all together."""
    told = [
        each.stun_ms
        for each in (source.active if source else None) or ()
        if each.server == server.uuid and each.stun_ms is not None
    ]
    if source is None or not told:
        return None
    settings = server_settings.resolve(
        server,
        {
            "max_downtime_ms": source.max_downtime_ms or rules.max_downtime_ms,
            "over_budget": source.over_budget or rules.over_budget,
        },
        rules.image_properties,
    )
    return StunNeeds(max(told), link_mbps=source.link_mbps, **settings)


def _grouped(
    used: list[ActiveVgpu], gpus: tuple[GpuDevice, ...]
) -> tuple[VgpuNeeds, ...] | None:
    by_address = {gpu.address: gpu for gpu in gpus}
    counts: dict[tuple[str, str], int] = {}
    for each in used:
        key = (each.gpu, each.type_id)
        counts[key] = counts.get(key, 0) + 1
    needs = []
    for (address, type_id), count in counts.items():
        gpu = by_address.get(address)
        types = [] if gpu is None else gpu.types
        found = [each for each in types if each.type_id == type_id]
        if gpu is None or not found:
            return None
        needs.append(VgpuNeeds(gpu, found[0], count))
    return tuple(needs)
