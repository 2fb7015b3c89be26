"""The final statistics of a job, from libvirt's JOB_COMPLETED event.

After a migration the domain is gone from its source, and after post-copy
the destination knows nothing either: the event on the source is the only
place that always has them.
"""

from typing import Any

import libvirt
from oslo_log import log as logging

LOG = logging.getLogger(__name__)


class CompletedStats:
    """Listens while a migration runs. Failing to is no fault of it."""

    def __init__(self, connection: Any, server: str) -> None:
        """:param server: the domain's UUID"""
        self._connection = connection
        self._server = server
        self._seen: list[dict[str, Any]] = []
        self._callback: int | None = None

    def listen(self) -> None:
        """Register for the event."""
        try:
            self._callback = self._connection.domainEventRegisterAny(
                None,
                libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED,
                self._completed,
                None,
            )
        except Exception as exc:
            LOG.warning(
                "No final migration statistics: %s",
                exc,
                instance_uuid=self._server,
            )

    def _completed(
        self, connection: Any, domain: Any, stats: dict[str, Any], _: Any
    ) -> None:
        # Runs in libvirt's own thread: no logging, no locks, see
        # nova/virt/libvirt/host.py.
        if domain.UUIDString() == self._server:
            self._seen.append(stats)

    def get(self) -> dict[str, Any] | None:
        """Return the statistics, or None while there are none."""
        return self._seen[-1] if self._seen else None

    def close(self) -> None:
        """Stop listening."""
        if self._callback is None:
            return
        try:
            self._connection.domainEventDeregisterAny(self._callback)
        except Exception as exc:
            LOG.debug("Cannot deregister: %s", exc)
        self._callback = None
