"""What is written of a session: the record's head, audit lines, the log."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import libvirt
import nova.conf
from oslo_log import log as logging

from nova_livemig_gpu.migration.audit import AuditEvent
from nova_livemig_gpu.migration.audit import audit as write
from nova_livemig_gpu.model import Outcome, Surroundings
from nova_livemig_gpu.virt.session import Session

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF


def head(
    context: Any,
    instance: Any,
    dest: str,
    migration: Any,
    around: Surroundings,
) -> dict[str, Any]:
    """Return what a record says before anything has happened."""
    return {
        **_whose(context, instance, dest, migration),
        "overhead_ms": around.overhead_ms,
        "vfio": around.vfio,
        "stun": around.stun and asdict(around.stun),
        "memory_mb": instance.flavor.memory_mb,
        "libvirt": libvirt.getVersion(),
    }


def prepared(
    context: Any, instance: Any, dest: str, migrate_data: Any
) -> dict[str, Any]:
    """Return what is to be known of a migration that libvirt has no job for
    yet, if nova-compute dies: ``prepared`` is what a rollback needs."""
    data = migrate_data.obj_to_primitive()
    # Connection data of volumes has secrets; the migration is in Nova's
    # database.
    for name in ("bdms", "migration"):
        data["nova_object.data"].pop(name, None)
    data["nova_object.changes"] = []
    return {
        **_whose(context, instance, dest, migrate_data.migration),
        "prepared": data,
    }


def _whose(
    context: Any, instance: Any, dest: str, migration: Any
) -> dict[str, Any]:
    return {
        "request_id": context.request_id,
        "user_id": context.user_id,
        "project_id": context.project_id,
        "migration": migration.uuid,
        "server": instance.uuid,
        "source": CONF.host,
        "destination": dest,
        "started_at": now(),
    }


def audit(
    context: Any,
    session: Session,
    phase: str,
    outcome: Outcome | None = None,
) -> None:
    """Append a line to the audit log. Never raises."""
    write(
        CONF,
        AuditEvent(
            event="livemig_gpu.migration",
            phase=phase,
            request_id=context.request_id,
            user_id=context.user_id,
            project_id=context.project_id,
            server=session.instance.uuid,
            server_name=session.instance.display_name,
            source=CONF.host,
            destination=session.destination,
            result=outcome.state.value if outcome else None,
            reason=outcome.reason if outcome else None,
        ),
    )


def now() -> str:
    """Now, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def log(session: Session, outcome: Outcome) -> None:
    """Say how a migration ended."""
    if outcome.reason is not None:
        LOG.error(
            "Live migration %s: %s",
            outcome.state.value,
            outcome.reason,
            instance=session.instance,
        )
        return
    LOG.info(
        "Live migration completed: total %s ms, downtime %s ms, sent %s "
        "bytes, of these %s of devices, passes %s, post-copy %s",
        outcome.total_ms,
        outcome.downtime_ms,
        outcome.sent_bytes,
        "unknown" if outcome.vfio_bytes is None else outcome.vfio_bytes,
        outcome.passes,
        outcome.postcopy,
        instance=session.instance,
    )
