"""The audit log: who migrated which server, from, to, when, with what result.

One JSON object a line. Several processes append to the same file (API,
conductor, scheduler, nova-compute), and it may be rotated at any time: it is
opened anew for every line, and a line is one ``write`` to a file opened with
``O_APPEND``, so that lines never mix. A line that cannot be written is
logged and lost; Nova goes on.
"""

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from oslo_config import cfg
from oslo_log import log as logging

LOG = logging.getLogger(__name__)

_FILE_MODE = 0o640
_DIRECTORY_MODE = 0o750

#: Kinds of error that were logged since the last line that was written.
_logged: set[tuple[str, int | None]] = set()


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
            _append(path, _line(event))
            _logged.clear()
    except Exception as exc:
        _log_once(path, exc)


def _line(event: AuditEvent) -> bytes:
    body = asdict(event)
    time = body.pop("time") or datetime.now(UTC).isoformat()
    return (json.dumps({"time": time, **body}) + "\n").encode()


def _append(path: str, line: bytes) -> None:
    try:
        handle = _open(path)
    except FileNotFoundError:
        directory = os.path.dirname(path) or "."
        os.makedirs(directory, mode=_DIRECTORY_MODE, exist_ok=True)
        handle = _open(path)
    try:
        written = os.write(handle, line)
    finally:
        os.close(handle)
    if written != len(line):
        raise OSError(f"only {written} of {len(line)} bytes were written")


def _open(path: str) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    return os.open(path, flags, _FILE_MODE)


def _log_once(path: str, error: Exception) -> None:
    """A full disk is worth one line in the log, not one a notification."""
    kind = (type(error).__name__, getattr(error, "errno", None))
    if kind in _logged:
        return
    _logged.add(kind)
    LOG.error(
        "The audit log %s cannot be written: %s. Events are lost until it "
        "can. Check [livemig_gpu] audit_log.",
        path,
        error,
    )
