"""Tells the user of a migration, through Nova's instance actions.

Each migration adds one event to its ``live-migration`` action. When it does
not complete, the event's result is Error and its details (API microversion
2.84) give the reason: ``openstack server event show``.
"""

from collections.abc import Mapping
from typing import Any

from nova import context as nova_context
from nova import exception, objects
from oslo_log import log as logging

from nova_livemig_gpu import foreign
from nova_livemig_gpu.model import Outcome

LOG = logging.getLogger(__name__)

EVENT = "compute_live_migration_steering"


def started(context: Any, instance: Any, host: str) -> None:
    """Add the event. Never raises."""
    try:
        objects.InstanceActionEvent.event_start(
            context, instance.uuid, EVENT, want_result=False, host=host
        )
    except Exception as exc:
        _failed(instance, exc)


def ended(context: Any, instance: Any, outcome: Outcome) -> None:
    """Finish the event with the outcome's reason. Never raises."""
    try:
        if outcome.reason is None:
            objects.InstanceActionEvent.event_finish(
                context, instance.uuid, EVENT, want_result=False
            )
            return
        objects.InstanceActionEvent.event_finish_with_failure(
            context,
            instance.uuid,
            EVENT,
            exc_val=_error(outcome.reason),
            exc_tb=f"Live migration {outcome.state.value}.\n",
            want_result=False,
        )
    except Exception as exc:
        _failed(instance, exc)


def interrupted(head: Mapping[str, Any], reason: str) -> None:
    """Finish the event of a migration that an earlier process began.

    :param head: the head of its record; its request tells the event
    """
    context = nova_context.get_admin_context()
    context.request_id = head.get("request_id")
    try:
        objects.InstanceActionEvent.event_finish_with_failure(
            context,
            head["server"],
            EVENT,
            exc_val=_error(reason),
            exc_tb="Live migration interrupted.\n",
            want_result=False,
        )
    except Exception as exc:
        server = head.get("server")
        LOG.warning("%s of %s was not written: %s", EVENT, server, exc)


def _error(reason: str) -> Exception:
    """Return what Nova keeps of a reason, in a column that has a size."""
    error: Exception = exception.MigrationError(reason=foreign.cut(reason))
    return error


def _failed(instance: Any, exc: Exception) -> None:
    LOG.warning(
        "The instance action event %s was not written: %s",
        EVENT,
        exc,
        instance=instance,
    )
