"""Live migrations that leave this host and that no process runs any more.

What nova-compute does with a live migration stands in its memory only. When
it starts, Nova deals with those that are shown as ``running``: it aborts
libvirt's job and calls them ``error``; and it resets the task state of every
server that is "migrating" (``_reset_live_migration``, called for each server
after the driver's ``init_host``). It leaves those that waited, ``queued`` or
``preparing``, and those in post-copy: they are shown for ever, cannot be
aborted, and keep the compute service from being deleted.

Those are ended here, before Nova comes to its servers. What is prepared for
one at its destination (claims, port bindings, directories) and its
allocations in Placement are rolled back where libvirt never had a job for
it: it waited, or our record says so (``prepared``, see ``trail.prepared``).
Never where the server does not run here, without a job, or does something
else now: whatever there is at the destination then may be the server itself.
"""

from collections.abc import Callable, Mapping
from typing import Any

import libvirt
from nova import context as nova_context
from nova import exception, objects
from nova.compute import instance_actions, task_states
from nova.objects import migrate_data as migrate_data_obj
from oslo_log import log as logging

from nova_livemig_gpu.virt import errors

LOG = logging.getLogger(__name__)

_WAITED = ("queued", "preparing")
_RUNNING = "running"
_POSTCOPY = "running (post-copy)"
_FINAL = "error"
#: More do not leave one host at once; a bound for the query.
_MOST = 500

#: Migration UUID -> primitive of its migrate_data, of those without a job.
Prepared = Mapping[str, Mapping[str, Any]]


class Orphans:
    """Those of one driver. Nothing raises."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def settle(self, prepared: Prepared) -> list[tuple[Any, bool]]:
        """End them all.

        :returns: the migrations that were ended; whether in post-copy
        """
        context = nova_context.get_admin_context()
        try:
            found = list(self._list(context))
        except Exception as exc:
            LOG.warning(
                "Live migrations that an earlier nova-compute may have left "
                "cannot be listed: %s",
                exc,
            )
            return []
        newest = {
            each.instance_uuid: each
            for each in sorted(found, key=lambda each: int(each.id))
        }
        ended = []
        for each in found:
            if each.status == _RUNNING and each.uuid not in prepared:
                # Nova's to end.
                continue
            postcopy = each.status == _POSTCOPY
            data = prepared.get(each.uuid)
            only = newest[each.instance_uuid] is each
            if self._end(context, each, data, only):
                ended.append((each, postcopy))
        return ended

    def _list(self, context: Any) -> Any:
        return objects.MigrationList.get_by_filters(
            context,
            {
                "source_compute": self._driver.virtapi._compute.host,
                "migration_type": "live-migration",
                "status": [*_WAITED, _RUNNING, _POSTCOPY],
            },
            limit=_MOST,
        )

    def _end(
        self,
        context: Any,
        migration: Any,
        prepared: Mapping[str, Any] | None,
        newest: bool,
    ) -> bool:
        LOG.warning(
            "Live migration %s to %s is shown as %s, and no process runs it "
            "any more: it is ended",
            migration.uuid,
            migration.dest_compute,
            migration.status,
            instance_uuid=migration.instance_uuid,
        )
        try:
            if migration.status != _POSTCOPY and newest:
                self._roll_back(context, migration, prepared)
            migration.status = _FINAL
            migration.save()
        except Exception:
            LOG.exception(
                "It stays as it is", instance_uuid=migration.instance_uuid
            )
            return False
        return True

    def _roll_back(
        self, context: Any, migration: Any, prepared: Mapping[str, Any] | None
    ) -> None:
        try:
            server = objects.Instance.get_by_uuid(
                context,
                migration.instance_uuid,
                expected_attrs=["flavor", "info_cache", "migration_context"],
            )
        except exception.InstanceNotFound:
            return
        if not self._at_home(server):
            LOG.warning(
                "It does not run here without a job: nothing is rolled back "
                "at %s",
                migration.dest_compute,
                instance=server,
            )
            return
        manager = self._driver.virtapi._compute
        self._try(
            "its allocations in Placement",
            lambda: manager._revert_allocation(context, server, migration),
            server,
        )
        if migration.dest_compute:
            data = _migrate_data(context, migration, prepared)
            self._try(
                f"what was prepared at {migration.dest_compute}",
                lambda: _clean(manager, context, server, migration, data),
                server,
            )
        if server.migration_context is not None:
            self._try(
                "its migration context", server.drop_migration_context, server
            )

    def _at_home(self, server: Any) -> bool:
        """It runs on this host, and nothing but a migration was meant to be
        done to it; what cannot be told is not so."""
        migrating = server.task_state == task_states.MIGRATING
        if server.host != self._driver.virtapi._compute.host or not migrating:
            return False
        try:
            domain = self._driver._host.get_guest(server)._domain
            idle = domain.jobInfo()[0] == libvirt.VIR_DOMAIN_JOB_NONE
            left = errors.left_by_postcopy(domain.state())
            return bool(domain.isActive()) and idle and not left
        except Exception as exc:
            LOG.info("Its guest: %s", exc, instance=server)
            return False

    def _try(self, what: str, step: Callable[[], Any], server: Any) -> None:
        try:
            step()
        except Exception as exc:
            LOG.warning(
                "Not rolled back after an interrupted live migration: %s: %s",
                what,
                exc,
                instance=server,
            )


def _migrate_data(
    context: Any, migration: Any, prepared: Mapping[str, Any] | None
) -> Any:
    """Return it as it was; None: it is not known, or not understood."""
    if prepared is None:
        return None
    try:
        data = migrate_data_obj.LibvirtLiveMigrateData.obj_from_primitive(
            prepared, context
        )
        # What Nova's rollback asks of it, see ``_clean``.
        return data if data.is_shared_instance_path is not None else None
    except Exception as exc:
        LOG.warning(
            "What was prepared for live migration %s is not known: %s",
            migration.uuid,
            exc,
        )
        return None


def _clean(
    manager: Any, context: Any, server: Any, migration: Any, data: Any
) -> None:
    """As ``_rollback_live_migration`` in nova/compute/manager.py.

    Where nothing is known of the storage no disk is touched.
    """
    dest = migration.dest_compute
    there, destroy_disks = True, False
    if data is not None:
        there, destroy_disks = manager._live_migration_cleanup_flags(
            data, migr_ctxt=server.migration_context
        )
    if there:
        manager.compute_rpcapi.rollback_live_migration_at_destination(
            context,
            server,
            dest,
            destroy_disks=destroy_disks,
            migrate_data=data,
        )
    else:
        manager.network_api.setup_networks_on_host(
            context, server, host=dest, teardown=True
        )


def request_of(migration: Any) -> str | None:
    """Return the request that began a server's newest live migration."""
    actions = objects.InstanceActionList.get_by_instance_uuid(
        nova_context.get_admin_context(), migration.instance_uuid
    )
    for action in actions:
        if action.action == instance_actions.LIVE_MIGRATION:
            request: str = action.request_id
            return request
    return None
