"""Servers that come to this host quiesced.

Whoever lists the hook ``quiesce`` resumes what arrives. That is done as soon
as libvirt says that the server runs here, which is its switchover: after a
switch to post-copy Nova's own post-migration step comes only when all memory
has arrived, minutes later. That step looks once more, for what libvirt's
event has missed, and a nova-compute that starts looks after those that have
arrived while it was down.

The source asks before it quiesces (``no_thaw``), so that nobody is frozen
for a host that would not thaw.
"""

import functools
import threading
from collections.abc import Callable, Iterable
from typing import Any

import nova.conf
from nova import context as nova_context
from nova import objects
from nova.compute import task_states
from nova.virt import event as virtevent
from oslo_log import log as logging

from nova_livemig_gpu.virt import agent
from nova_livemig_gpu.virt.service import Service

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF

#: Migrations whose server may run here already.
_STATUSES = ["preparing", "running", "running (post-copy)", "post-migrating"]
_MOST = 100

Start = Callable[[Callable[[], object]], None]


def _start(work: Callable[[], object]) -> None:
    threading.Thread(target=work, name="livemig-thaw", daemon=True).start()


def _find_server(uuid: str) -> Any:
    return objects.Instance.get_by_uuid(nova_context.get_admin_context(), uuid)


def _find_coming(host: str) -> Iterable[Any]:
    found: Iterable[Any] = objects.MigrationList.get_by_filters(
        nova_context.get_admin_context(),
        {
            "host": host,
            "migration_type": "live-migration",
            "status": _STATUSES,
        },
        limit=_MOST,
    )
    return [each for each in found if each.dest_compute == host]


class Arrivals:
    """Of one driver. Nothing raises."""

    def __init__(
        self,
        service: Service,
        commands: Callable[[], tuple[str, str]],
        start: Start = _start,
        find_server: Callable[[str], Any] = _find_server,
        find_coming: Callable[[str], Iterable[Any]] = _find_coming,
    ) -> None:
        """:param commands: options quiesce_command and resume_command, now

        :param start: runs something beside
        :param find_server: UUID -> Nova's instance
        :param find_coming: host -> Nova's live migrations to it
        """
        self._service = service
        self._commands = commands
        self._start = start
        self._find_server = find_server
        self._find_coming = find_coming
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._resumed: set[str] = set()

    def event(self, event: Any) -> None:
        """Resume a server that begins to run here, beside."""
        if not isinstance(event, virtevent.LifecycleEvent):
            return
        if event.get_transition() != virtevent.EVENT_LIFECYCLE_RESUMED:
            return
        server = event.get_instance_uuid()
        with self._lock:
            self._resumed.discard(server)
        self._start(functools.partial(self._arrived, server))

    def posted(self, server: str) -> None:
        """Nova concludes a migration to here: resume it, if need be, beside.

        :param server: UUID
        """
        with self._lock:
            if server in self._resumed:
                self._resumed.discard(server)
                return
        self._start(functools.partial(self._resume, server))

    def look(self) -> None:
        """Resume what has arrived while nova-compute was down, beside."""
        self._start(self._look)

    def _look(self) -> None:
        try:
            for migration in self._find_coming(CONF.host):
                server = migration.instance_uuid
                self._start(functools.partial(self._resume, server))
        except Exception as exc:
            LOG.warning(
                "Servers that have arrived quiesced while nova-compute was "
                "down may still be so: %s",
                exc,
            )

    def _arrived(self, server: str) -> None:
        try:
            found = self._find_server(server)
            migrating = found.task_state == task_states.MIGRATING
            coming = migrating and found.host != CONF.host
        except Exception as exc:
            # Nova's post-migration step looks once more.
            LOG.warning(
                "Whether this server arrives is unknown: %s",
                exc,
                instance_uuid=server,
            )
            return
        if coming and self._resume(server):
            with self._lock:
                self._resumed.add(server)

    def _resume(self, server: str) -> bool:
        with self._lock:
            if server in self._busy:
                return False
            self._busy.add(server)
        try:
            _, command = self._commands()
            host = self._service.driver._host
            return agent.resume_patiently(host, server, command)
        except Exception:
            LOG.exception(
                "This server may still be quiesced", instance_uuid=server
            )
            return False
        finally:
            with self._lock:
                self._busy.discard(server)
