"""Finishes what a nova-compute that died has left."""

import threading
from collections.abc import Iterable
from typing import Any

import nova.conf
from oslo_log import log as logging

from nova_livemig_gpu.fallback import attempt
from nova_livemig_gpu.migration import hook_quiesce
from nova_livemig_gpu.migration.record import Records
from nova_livemig_gpu.model import ActionKind, JobState, Outcome
from nova_livemig_gpu.virt import agent, errors, orphans, report, stephooks
from nova_livemig_gpu.virt.job import NO_LIMIT_MIB_S
from nova_livemig_gpu.virt.service import Service
from nova_livemig_gpu.virt.waiting import STOPPED

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF

#: The start of nova-compute waits so long for an agent that does not answer.
_THAW_S = 10.0
_INTERRUPTED = "nova-compute on the source stopped while it was running"


class Interrupted:
    """Closes the records of one driver that have no outcome, and ends what
    Nova would leave."""

    def __init__(self, service: Service) -> None:
        self._driver = service.driver
        self._options = service.options
        self._release = service.release

    def close(self) -> None:
        """Finish what a nova-compute that died has left. Never raises.

        Nova itself resets the servers (``_reset_live_migration`` in
        nova/compute/manager.py); this tells why.
        """
        try:
            options = self._options.read()
            records = Records(options.state_dir, options.max_records)
            unfinished = [
                found
                for found in records.unfinished()
                if found.get("source") == CONF.host
            ]
            for found in unfinished:
                # First: writers in the server wait.
                attempt(self._thaw, found)
            if self._release is not None:
                self._settle(unfinished)
            for found in unfinished:
                self._close(records, found)
        except Exception:
            LOG.exception("Interrupted migrations were not closed")

    def _settle(self, unfinished: Iterable[dict[str, Any]]) -> None:
        """End what Nova would leave, and tell those whose record does not."""
        prepared = {
            found["migration"]: found["prepared"]
            for found in unfinished
            if found.get("prepared")
        }
        known = {found.get("migration") for found in unfinished}
        for migration, postcopy in orphans.Orphans(self._driver).settle(
            prepared
        ):
            if migration.uuid in known:
                continue
            reason = STOPPED
            if postcopy:
                there = _in_postcopy(migration.dest_compute)
                reason = f"{_INTERRUPTED}; {there}"
            try:
                head = {
                    "server": migration.instance_uuid,
                    "source": migration.source_compute,
                    "request_id": orphans.request_of(migration),
                }
                report.interrupted(head, reason, begun=False)
            except Exception as exc:
                LOG.warning("%s was not told: %s", migration.uuid, exc)

    def _close(self, records: Records, found: dict[str, Any]) -> None:
        try:
            gone = not found.pop("prepared", None)
            said = _INTERRUPTED if gone else STOPPED
            reason = f"{said}; {self._whereabouts(found)}"
            self._let_go(found)
            report.interrupted(found, reason, begun=gone)
            outcome = Outcome(
                JobState.FAILED, reason=reason, code=report.INTERRUPTED
            )
            records.finish(found, outcome)
        except Exception:
            LOG.exception("An interrupted migration was not closed")

    def _thaw(self, found: dict[str, Any]) -> None:
        """Resume what was quiesced for its switchover and is still here. The
        destination looks after what has arrived there."""
        if hook_quiesce.NAME not in (found.get(stephooks.ASKED) or ()):
            return
        host, server = self._driver._host, found["server"]
        command = self._options.read().resume_command
        if self._runs_elsewhere(server):
            return
        work = threading.Thread(
            target=agent.resume_patiently,
            args=[host, server, command],
            name="livemig-thaw",
            daemon=True,
        )
        work.start()
        # Its record stays without an outcome meanwhile, for another start.
        work.join(_THAW_S)

    def _runs_elsewhere(self, server: str) -> bool:
        try:
            connection = self._driver._host.get_connection()
            domain = connection.lookupByUUIDString(server)
            return errors.left_by_postcopy(domain.state())
        except Exception as exc:
            return errors.no_such_domain(exc)

    def _let_go(self, found: dict[str, Any]) -> None:
        """Lift a bandwidth limit that was set while it ran: libvirt keeps
        it, for the server's next migration, too."""
        limited = any(
            each.get("action") == ActionKind.SET_BANDWIDTH.value
            for each in found.get("decisions", ())
        )
        if not limited:
            return
        try:
            connection = self._driver._host.get_connection()
            domain = connection.lookupByUUIDString(found["server"])
            domain.migrateSetMaxSpeed(NO_LIMIT_MIB_S)
        except Exception as exc:
            if not errors.domain_gone(exc):
                LOG.warning(
                    "A bandwidth limit of an interrupted migration of %s may "
                    "still be in force: %s",
                    found["server"],
                    exc,
                )

    def _whereabouts(self, found: dict[str, Any]) -> str:
        """Say where a server is, for Nova may not know."""
        try:
            connection = self._driver._host.get_connection()
            domain = connection.lookupByUUIDString(found["server"])
            if errors.left_by_postcopy(domain.state()):
                return _in_postcopy(found.get("destination"))
        except Exception as exc:
            if not errors.domain_gone(exc):
                return f"where the server is now is not known: {exc}"
            return (
                f"the server is not on {CONF.host} any more: look for it on "
                f"{found.get('destination')}"
            )
        return f"the server is on {CONF.host}"


def _in_postcopy(destination: str | None) -> str:
    return f"it was in post-copy: the server runs on {destination}"
