"""How many live migrations come to this host and leave it now.

Nova's migration records say, for both directions, through every restart of
nova-compute, and for migrations that others steer: nova/compute/manager.py
sets ``preparing`` when a live migration has its turn on the source and
``running`` when it is given to libvirt, nova/virt/libvirt/migration.py
``running (post-copy)`` when it has switched. One that is only accepted or
queued moves no data yet.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from nova import context as nova_context
from nova import objects
from oslo_log import log as logging

LOG = logging.getLogger(__name__)

_STATUSES = ["preparing", "running", "running (post-copy)"]
#: More do not run at once; a bound for the query.
_MOST = 500

Find = Callable[[Any, dict[str, Any]], Iterable[Any]]


class Running(NamedTuple):
    """Live migrations that move data now.

    :ivar out: that leave this host
    :ivar into: that come to it; None for both: unknown
    """

    out: int | None = None
    into: int | None = None


def _find(context: Any, filters: dict[str, Any]) -> Iterable[Any]:
    found: Iterable[Any] = objects.MigrationList.get_by_filters(
        context, filters, limit=_MOST
    )
    return found


def running(host: str, find: Find = _find) -> Running:
    """Ask Nova's database, one query; unknown where it does not answer.

    The query has an index (host, node and status of a migration).

    :param host: name of this host
    :param find: context, filters of MigrationList -> migrations
    """
    filters = {
        "host": host,
        "migration_type": "live-migration",
        "status": _STATUSES,
    }
    try:
        found = list(find(nova_context.get_admin_context(), filters))
    except Exception as exc:
        LOG.warning(
            "How many live migrations come to this host is unknown: %s", exc
        )
        return Running()
    return Running(
        out=sum(each.source_compute == host for each in found),
        into=sum(each.dest_compute == host for each in found),
    )
