"""Rolls back a migration that has not gone, whatever became of its server.

Nova's own rollback (``_rollback_live_migration`` in nova/compute/manager.py)
does it, as after a migration that failed: allocations, networks, volumes, and
what was prepared at the destination, its claims of mdevs included. Its last
step saves the server; of one that is being deleted, or is gone, that raises
when all the rest is done, and the status of the migration is not set.
"""

from collections.abc import Callable
from typing import Any

from nova import exception, objects
from nova.compute import task_states, vm_states
from oslo_log import log as logging

LOG = logging.getLogger(__name__)

_DELETING = (task_states.DELETING, task_states.SOFT_DELETING)
_DELETED = (vm_states.DELETED, vm_states.SOFT_DELETED)


def roll_back(
    driver: Any,
    context: Any,
    instance: Any,
    migration: Any,
    recover: Callable[..., None],
    status: str,
) -> None:
    """Roll back, and leave the migration in a final state.

    :param recover: Nova's rollback, but for the status
    :param status: final one of the migration
    :raises Exception: what Nova's rollback raises, unless the server was
        deleted
    """
    try:
        recover(migration_status=status)
    except Exception as exc:
        gone = _is_gone(context, instance)
        if gone is None:
            raise
        LOG.info(
            "This server was deleted before its live migration went, which "
            "was rolled back: %s",
            exc,
            instance=instance,
        )
        try:
            migration.status = status
            migration.save()
            if gone:
                _free(driver, context, instance, migration)
        except Exception:
            LOG.exception(
                "Something of this deleted server's migration may be left in "
                "Nova's database or in Placement",
                instance=instance,
            )


def _is_gone(context: Any, instance: Any) -> bool | None:
    """Return whether a deleted server has gone from the database already;
    None: it is not deleted, or that is not known."""
    try:
        now = objects.Instance.get_by_uuid(context, instance.uuid)
    except exception.InstanceNotFound:
        return True
    except Exception as exc:
        LOG.info("Is it deleted? %s", exc, instance=instance)
        return None
    if now.task_state in _DELETING or now.vm_state in _DELETED:
        return False
    return None


def _free(driver: Any, context: Any, instance: Any, migration: Any) -> None:
    """Free what the rollback gave back to a server that is gone."""
    placement = driver.virtapi._compute.reportclient
    for uuid, kind in (
        (instance.uuid, "instance"),
        (migration.uuid, "migration"),
    ):
        placement.delete_allocation_for_instance(
            context, uuid, consumer_type=kind, force=True
        )
