"""Tells the user of a migration, through Nova's instance actions.

Each migration adds one event to its ``live-migration`` action. When it does
not complete, the event's result is Error and its details (API microversion
2.84) give the reason: ``openstack server event show``. By Nova's default
policy (nova/policies/instance_actions.py) only admins read details, which
may name hosts. What all who may see the server read are names and results
of events: so there is a second event then, whose name has the code of the
reason, ``livemig_gpu:timeout``.
"""

from collections.abc import Mapping
from typing import Any

import nova.conf
from nova import context as nova_context
from nova import exception, objects
from oslo_log import log as logging

from nova_livemig_gpu import foreign
from nova_livemig_gpu.model import Outcome

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF

EVENT = "compute_live_migration_steering"
#: Of the second event's name.
CODE_PREFIX = "livemig_gpu:"
INTERRUPTED = "interrupted"
#: Of the column in Nova's database, less a little.
_MOST_NAME = 250


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
        code = outcome.code or outcome.state.value
        _show(context, instance.uuid, code, outcome.reason)
    except Exception as exc:
        _failed(instance, exc)


def warned(context: Any, instance: Any, code: str) -> None:
    """Add an event for what is said of a migration while it runs.

    Nova keeps details only of events that are errors, and an error would
    mark the whole action, which may still end well: the event's name says it,
    and the log and the record give the reason. Never raises.
    """
    name = f"{CODE_PREFIX}{code}"
    try:
        objects.InstanceActionEvent.event_start(
            context, instance.uuid, name, want_result=False, host=CONF.host
        )
        objects.InstanceActionEvent.event_finish(
            context, instance.uuid, name, want_result=False
        )
    except Exception as exc:
        _failed(instance, exc, name)


def interrupted(
    head: Mapping[str, Any], reason: str, begun: bool = True
) -> None:
    """Finish the event of a migration that an earlier process began.

    :param head: the head of its record; its request tells the event
    :param begun: False: the event was not added yet
    """
    context = nova_context.get_admin_context()
    context.request_id = head.get("request_id")
    try:
        if not begun:
            objects.InstanceActionEvent.event_start(
                context,
                head["server"],
                EVENT,
                want_result=False,
                host=head["source"],
            )
        objects.InstanceActionEvent.event_finish_with_failure(
            context,
            head["server"],
            EVENT,
            exc_val=_error(reason),
            exc_tb="Live migration interrupted.\n",
            want_result=False,
        )
        _show(context, head["server"], INTERRUPTED, reason)
    except Exception as exc:
        server = head.get("server")
        LOG.warning("%s of %s was not written: %s", EVENT, server, exc)


def _show(context: Any, server: str, code: str, reason: str) -> None:
    """Add the event whose name says why."""
    name = f"{CODE_PREFIX}{code}"[:_MOST_NAME]
    objects.InstanceActionEvent.event_start(
        context, server, name, want_result=False, host=CONF.host
    )
    objects.InstanceActionEvent.event_finish_with_failure(
        context,
        server,
        name,
        exc_val=_error(reason),
        exc_tb=f"{name}\n",
        want_result=False,
    )


def _error(reason: str) -> Exception:
    """Return what Nova keeps of a reason, in a column that has a size."""
    error: Exception = exception.MigrationError(reason=foreign.cut(reason))
    return error


def _failed(instance: Any, exc: Exception, name: str = EVENT) -> None:
    LOG.warning(
        "The instance action event %s was not written: %s",
        name,
        exc,
        instance=instance,
    )
