"""Tells for every host whether a server could be live-migrated there.

The filters' own checks, over the hosts of the server's cell: Nova migrates
no server to another cell. What placement and other filters say is not in it.
"""

from dataclasses import dataclass
from typing import Any

from nova import exception, objects

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.scheduler import options, server
from nova_livemig_gpu.scheduler.cpu_filter import CPUCompatibilityFilter
from nova_livemig_gpu.scheduler.verdict import Verdict, treat
from nova_livemig_gpu.scheduler.vgpu_filter import VGPUCompatibilityFilter
from nova_livemig_gpu.scheduler.views import Views


@dataclass(frozen=True)
class Row:
    """What one filter says of one host.

    :ivar filter: name of the filter
    :ivar verdict: "allow", "warn" or "refuse": what the options make of it
    :ivar code: of the finding, see :mod:`.verdict`
    :ivar reason: the finding in a sentence, with the host
    """

    host: str
    filter: str
    verdict: str
    code: str
    reason: str


_FILTERS = (CPUCompatibilityFilter, VGPUCompatibilityFilter)


def explain(context: Any, server_uuid: str) -> list[Row]:
    """Return a row for each host and filter, by host.

    :param context: of an administrator; needs Nova's two databases
    :raises nova.exception.InstanceNotFound: there is no such server, or it
        is in no cell yet
    """
    rules = options.rules()
    with server.in_its_cell(context.elevated(), server_uuid) as (cell, found):
        if found is None:
            raise exception.InstanceNotFound(instance_id=server_uuid)
        needs = server.needs_of(cell, found, rules)
        nodes = [
            node
            for node in objects.ComputeNodeList.get_all(cell)
            if node.host != found.host
        ]
    nodes.sort(key=lambda node: (node.host, node.hypervisor_hostname))
    table = Views().look(nodes)
    told = [
        (each.__name__, each().judge(needs, rules)(table)) for each in _FILTERS
    ]
    return [
        _row(node.host, name, verdicts[at], rules)
        for at, node in enumerate(nodes)
        for name, verdicts in told
    ]


def _row(host: str, name: str, verdict: Verdict, rules: Rules) -> Row:
    return Row(
        host=host,
        filter=name,
        verdict=treat(verdict, rules).value,
        code=verdict.code,
        reason=verdict.tell(host),
    )
