"""What kind of request the scheduler has, and what its server needs.

==================  ============  ==============  ==========================
request             ignore_hosts  server's cell   task_state
==================  ============  ==============  ==========================
boot                unset         none yet
live migration      [source]      known           migrating
cold migration      [source]      known           resize_prep
evacuation          [source]      known           rebuilding
==================  ============  ==============  ==========================

So a boot costs no database query, any other request one look-up, and its
result stays with the RequestSpec for the next filter and the weigher.
"""

from collections import defaultdict
from enum import Enum
from typing import Any

from nova.compute import task_states
from oslo_log import log as logging

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.scheduler import options, server
from nova_livemig_gpu.scheduler.needs import ServerNeeds
from nova_livemig_gpu.scheduler.once import once
from nova_livemig_gpu.scheduler.table import Table
from nova_livemig_gpu.scheduler.verdict import Verdict
from nova_livemig_gpu.scheduler.views import Views

LOG = logging.getLogger(__name__)

#: Shared by the filters and the weigher of this process.
VIEWS = Views()

_KEPT = "_livemig_gpu_request"


class Kind(Enum):
    """What is to be done with the server."""

    BOOT = "boot"
    LIVE_MIGRATION = "live migration"
    OTHER = "other"


class Request:
    """One request of the scheduler.

    :ivar needs: set for a live migration only
    :ivar refused: for each code the hosts and what was said of the first
    """

    def __init__(
        self, kind: Kind, rules: Rules, needs: ServerNeeds | None = None
    ) -> None:
        self.kind = kind
        self.rules = rules
        self.needs = needs
        self.refused: dict[str, list[tuple[str, Verdict]]] = defaultdict(list)
        self._hosts: list[Any] = []
        self._table = Table([], [], [])

    def table(self, hosts: list[Any]) -> Table:
        """Return the facts of each host."""
        if hosts != self._hosts:
            known = {host: at for at, host in enumerate(self._hosts)}
            if known and all(map(known.__contains__, hosts)):
                rows = [known[host] for host in hosts]
                self.keep(hosts, self._table.pick(rows))
            else:
                self.keep(hosts, VIEWS.look(hosts))
        return self._table

    def keep(self, hosts: list[Any], table: Table) -> None:
        """Remember the facts of hosts for the next filter.

        Comparing two lists of the same objects is much cheaper than looking
        each of them up.
        """
        self._hosts, self._table = hosts, table


def find(spec: Any) -> Request | None:
    """Return the request of a RequestSpec; None: not a live migration."""
    ignored = _ignored(spec)
    if not ignored:
        return None
    key = (spec.instance_uuid, tuple(ignored))
    kept = getattr(spec, _KEPT, None)
    if kept is None or kept[0] != key:
        kept = (key, _look_up(spec))
        setattr(spec, _KEPT, kept)
    request: Request = kept[1]
    return request if request.kind is Kind.LIVE_MIGRATION else None


def _ignored(spec: Any) -> Any:
    # An unset field of a versioned object raises.
    if not spec.obj_attr_is_set("ignore_hosts"):
        return None
    return spec.ignore_hosts


def _look_up(spec: Any) -> Request:
    rules = Rules()
    try:
        rules = options.rules()
        # get_admin_context() would lose the request ID in the logs.
        context = spec._context.elevated()
        return _ask(context, spec.instance_uuid, rules)
    except Exception as exc:
        once(LOG, exc, "A server to be migrated cannot be looked up")
        return Request(
            Kind.LIVE_MIGRATION, rules, unknown_needs(spec, rules, exc)
        )


def _ask(context: Any, uuid: str, rules: Rules) -> Request:
    with server.in_its_cell(context, uuid) as (cell, found):
        if cell is None:
            return Request(Kind.BOOT, rules)
        if found is None or found.task_state != task_states.MIGRATING:
            return Request(Kind.OTHER, rules)
        needs = server.needs_of(cell, found, rules)
        return Request(Kind.LIVE_MIGRATION, rules, needs)


def unknown_needs(spec: Any, rules: Rules, why: Exception) -> ServerNeeds:
    """Return the needs of a server that nothing is known of but its flavor.

    It may not even be a live migration. So a server without a vGPU is not
    held up by ``unknown_facts``.
    """
    reason = f"what the server needs is unknown: {type(why).__name__}"
    try:
        asks = server.asks_for_vgpu(spec.flavor.extra_specs, rules)
    except Exception:
        asks = True
    return ServerNeeds(
        server=spec.instance_uuid,
        source="an unknown host",
        cpu=None,
        vgpus=None if asks else (),
        cpu_unknown=reason,
        vgpus_unknown=reason,
    )
