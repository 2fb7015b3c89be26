"""The audit log: who migrated which server, from, to, when, with what result.

One JSON object a line. Several processes append to the same file (API,
conductor, scheduler, nova-compute), and it may be rotated at any time: it is
opened anew for every line, and a line is one ``write`` to a file opened with
``O_APPEND``, so that lines never mix. A line that cannot be written is
logged and lost; Nova goes on.

Nobody has to rotate it: see ``migration.audit_rotation``.
"""

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from oslo_config import cfg
from oslo_log import log as logging

from nova_livemig_gpu import files, foreign
from nova_livemig_gpu.migration import audit_rotation

LOG = logging.getLogger(__name__)

#: Kinds of error that were logged since the last line that was written.
_logged: set[tuple[str, str, int | None]] = set()


@dataclass(frozen=True)
class AuditEvent:
    """One line of the audit log. None: not known.

    :ivar event: "instance.live_migration_pre" and the like, as Nova's
        versioned notifications are called, or "livemig_gpu.migration"
    :ivar phase: "start", "end" or "error"
    :ivar time: UTC, ISO 8601; None: when the line is written
    :ivar user_id: who asked for it, with ``project_id``
    :ivar server: UUID
    :ivar source: host that the server leaves
    :ivar destination: host that it goes to
    :ivar result: "completed", "failed", "cancelled", "rolled_back", "error"
    """

    event: str
    phase: str | None = None
    time: str | None = None
    request_id: str | None = None
    user_id: str | None = None
    project_id: str | None = None
    server: str | None = None
    server_name: str | None = None
    source: str | None = None
    destination: str | None = None
    result: str | None = None
    reason: str | None = None


def audit(conf: cfg.ConfigOpts, event: AuditEvent) -> None:
    """Append a line to ``[livemig_gpu] audit_log``. Never raises."""
    path = "(as configured)"
    try:
        path = conf.livemig_gpu.audit_log
        if path:
            line = _line(event)
            trouble = _make_room(path, len(line), conf)
            _append(path, line)
            if trouble is None:
                _logged.clear()
    except Exception as exc:
        _log_once(path, exc)


def _line(event: AuditEvent) -> bytes:
    body = {
        key: None if text is None else foreign.cut(text)
        for key, text in asdict(event).items()
    }
    time = body.pop("time") or datetime.now(UTC).isoformat()
    return (json.dumps({"time": time, **body}) + "\n").encode()


def _make_room(path: str, length: int, conf: cfg.ConfigOpts) -> OSError | None:
    """Rotate where the file is full. A line counts for more than the bound:
    where it cannot be rotated, it grows."""
    most = conf.livemig_gpu.audit_log_max_mb * 10**6
    try:
        audit_rotation.rotate(path, length, most)
    except OSError as exc:
        _log_once(
            path,
            exc,
            "The audit log %s cannot be rotated, and grows: %s. Check its "
            "folder, or let logrotate do it and set [livemig_gpu] "
            "audit_log_max_mb = 0.",
        )
        return exc
    return None


def _append(path: str, line: bytes) -> None:
    try:
        handle = _open(path)
    except FileNotFoundError:
        files.make_directory(Path(os.path.dirname(path) or "."))
        handle = _open(path)
    try:
        written = os.write(handle, line)
    finally:
        os.close(handle)
    if written != len(line):
        raise OSError(f"only {written} of {len(line)} bytes were written")


def _open(path: str) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    return os.open(path, flags, files.FILE_MODE)


def _log_once(
    path: str,
    error: Exception,
    message: str = "The audit log %s cannot be written: %s. Events are lost "
    "until it can. Check [livemig_gpu] audit_log.",
) -> None:
    """A full disk is worth one line in the log, not one a notification."""
    kind = (message, type(error).__name__, getattr(error, "errno", None))
    if kind in _logged:
        return
    _logged.add(kind)
    LOG.error(message, path, error)
