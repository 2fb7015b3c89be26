"""``[oslo_messaging_notifications] driver = livemig_gpu``.

Every Nova process loads its notification drivers in ``nova.rpc.init``,
before it loads a compute driver. So this module does two things:

* imported, it opens the door: ``nova.virt.livemig_gpu`` becomes importable,
  which is where ``compute_driver = livemig_gpu.LibvirtDriver`` is looked
  for (``nova.virt.driver.load_compute_driver``);
* as a driver, it writes Nova's live-migration notifications to the audit
  log (``migration.audit``).

API, scheduler and conductor import it too: nothing here may need libvirt.
"""

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import nova.virt
from oslo_config import cfg
from oslo_messaging.notify import notifier

import nova_livemig_gpu
from nova_livemig_gpu import conf as own_conf
from nova_livemig_gpu.fallback import attempt
from nova_livemig_gpu.migration.audit import AuditEvent, audit

_VERSIONED = re.compile(r"instance\.live_migration_(\w+?)(?:\.(\w+))?")
#: "live_migration._post.start", "live_migration.post.dest.end" and
#: "live.migration.force.complete.start" are all of Nova's making.
_LEGACY = re.compile(
    r"compute\.instance\.live[._]migration\._?([\w.]+?)\.(start|end|error)"
)
#: Sent by the host that the server goes to; all others by that it leaves.
_AT_DESTINATION = ("pre", "post_dest", "rollback_dest")
#: How the migration ended, where a notification says that it did.
_RESULTS = {
    ("post", "end"): "completed",
    ("rollback", "end"): "rolled_back",
}


def open_door() -> None:
    """Make ``nova.virt.livemig_gpu`` importable; safe to call again."""
    package = os.path.dirname(os.path.abspath(nova_livemig_gpu.__file__))
    door = os.path.join(package, "virt", "door")
    if door not in nova.virt.__path__:
        nova.virt.__path__.append(door)


open_door()


class AuditDriver(notifier.Driver):
    """Appends Nova's live-migration notifications to the audit log."""

    def __init__(self, conf: cfg.ConfigOpts, topics: Any, transport: Any):
        super().__init__(conf, topics, transport)
        attempt(own_conf.register_opts, conf)

    def notify(
        self, ctxt: Any, message: Any, priority: str, retry: Any
    ) -> None:
        """Write ``message`` if it is on a live migration. Never raises."""
        attempt(self._notify, ctxt, message)

    def _notify(self, ctxt: Any, message: Any) -> None:
        if self._is_twin(message):
            return
        event = to_event(ctxt, message)
        if event is not None:
            audit(self.conf, event)

    def _is_twin(self, message: Mapping[str, Any]) -> bool:
        """With ``notification_format = both`` each legacy notification on a
        live migration has a versioned one beside it, which says more."""
        if not _LEGACY.fullmatch(message["event_type"]):
            return False
        return bool(self.conf.notifications.notification_format == "both")


def to_event(
    context: Mapping[str, Any] | None, message: Mapping[str, Any]
) -> AuditEvent | None:
    """Parse a notification; None where it is not on a live migration.

    :param context: the request's context as a dict
    :param message: as oslo.messaging passes it to its drivers

    Legacy and versioned notifications give the same event; their payloads
    are built in nova/notifications/base.py (``info_from_instance``) and
    nova/notifications/objects/instance.py (``InstanceActionPayload``).
    """
    event_type = message["event_type"]
    versioned = _VERSIONED.fullmatch(event_type)
    found = versioned or _LEGACY.fullmatch(event_type)
    if found is None:
        return None
    step, phase = found[1].replace(".", "_"), found[2]
    body = _body(message.get("payload"))
    who = context or {}
    source, destination = _ends(step, message.get("publisher_id"), body)
    reason = _reason(body)
    return AuditEvent(
        event=f"instance.live_migration_{step}",
        phase=phase,
        time=_time(message.get("timestamp")),
        request_id=_text(who.get("request_id") or body.get("request_id")),
        user_id=_text(who.get("user_id") or body.get("action_initiator_user")),
        project_id=_text(
            who.get("project_id") or body.get("action_initiator_project")
        ),
        server=_text(body.get("uuid" if versioned else "instance_id")),
        server_name=_text(body.get("display_name")),
        source=source,
        destination=destination,
        result=_result(step, phase, reason),
        reason=reason,
    )


def _body(payload: Any) -> Mapping[str, Any]:
    if not isinstance(payload, Mapping):
        return {}
    data = payload.get("nova_object.data", payload)
    return data if isinstance(data, Mapping) else {}


def _ends(
    step: str, publisher: Any, body: Mapping[str, Any]
) -> tuple[str | None, str | None]:
    """Return source and destination as far as they are told.

    The publisher is one end ("nova-compute:host", legacy "compute.host").
    The other one is told only where the server's record still names, or
    already names, another host than the publisher.
    """
    sender = re.split(r"[:.]", _text(publisher) or "", maxsplit=1)
    here = sender[1] if len(sender) == 2 and sender[1] else None
    host = _text(body.get("host"))
    there = host if host != here else None
    if step in _AT_DESTINATION:
        return there, here
    return here, there


def _reason(body: Mapping[str, Any]) -> str | None:
    fault = body.get("fault")
    if isinstance(fault, Mapping):
        return _text(_body(fault).get("exception_message"))
    return _text(body.get("message"))


def _result(step: str, phase: str | None, reason: str | None) -> str | None:
    if phase == "error" or reason is not None:
        return "error"
    return _RESULTS.get((step, phase or ""))


def _time(timestamp: Any) -> str | None:
    """oslo.messaging writes UTC without saying so."""
    try:
        when = datetime.fromisoformat(timestamp)
    except (TypeError, ValueError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return when.astimezone(UTC).isoformat()


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)
