"""One live migration, asked for and followed through the API."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tempest.lib import exceptions

STEERING = "compute_live_migration_steering"
FINAL = ("completed", "cancelled", "failed", "error")
_POLL_S = 0.5


@dataclass(frozen=True)
class Event:
    """The event that the driver adds to the server's action.

    :ivar details: the reason; None: there is none
    """

    result: str | None
    details: str | None


@dataclass(frozen=True)
class Clients:
    """Tempest's clients of an administrator."""

    servers: Any
    migrations: Any


class LiveMigration:
    """Begins with the request."""

    def __init__(
        self,
        clients: Clients,
        server_id: str,
        timeout_s: float,
        host: str | None = None,
    ) -> None:
        """:param host: destination; None: the scheduler chooses"""
        self._clients = clients
        self.server_id = server_id
        self._timeout_s = timeout_s
        self.source: str = self.host()
        before = [each["id"] for each in self._listed()]
        self._last = max(before, default=0)
        clients.servers.live_migrate_server(
            server_id, host=host, block_migration="auto"
        )

    def host(self) -> str:
        """Return where the server is."""
        return str(self._server()["OS-EXT-SRV-ATTR:host"])

    def status(self) -> str:
        """Return the server's status."""
        return str(self._server()["status"])

    def record(self) -> Any:
        """Return what the API lists of this migration, or None."""
        new = [e for e in self._listed() if e["id"] > self._last]
        return max(new, key=lambda each: each["id"], default=None)

    def wait_running(self) -> None:
        """Wait until memory has begun to flow.

        :raises TempestException: it was over before
        """

        def flows() -> bool:
            if self._over():
                raise exceptions.TempestException(
                    f"the migration of {self.server_id} was over before it "
                    "could be caught: [livemig_gpu] slow_bandwidth_mbps, "
                    "booted_pattern"
                )
            path = f"servers/{self.server_id}/migrations"
            _, body = self._clients.servers.get(path)
            under_way = json.loads(body)["migrations"]
            return any(
                each["status"] == "running" and each["memory_processed_bytes"]
                for each in under_way
            )

        self._wait(flows, "does not begin")

    def wait_over(self) -> str:
        """Wait until record and server are at rest; return the status."""
        self._wait(self._over, "does not end")
        return str(self.record()["status"])

    def abort(self) -> None:
        """Ask Nova to abort it."""
        self._clients.servers.delete(self._path())

    def force_complete(self) -> None:
        """Ask Nova to complete it, whatever it costs."""
        body = json.dumps({"force_complete": None})
        self._clients.servers.post(self._path() + "/action", body)

    def event(self) -> Event:
        """Return the driver's event of the newest migration.

        :raises TempestException: there is none
        """
        for event in self._events():
            if event["event"] == STEERING:
                return Event(event["result"], event.get("details"))
        raise exceptions.TempestException(
            f"the live-migration action of {self.server_id} has no event "
            f"{STEERING}"
        )

    def reasons(self) -> str:
        """Return all details of the newest action's events."""
        said = [event.get("details") for event in self._events()]
        return "; ".join(details for details in said if details)

    def _events(self) -> list[Any]:
        servers = self._clients.servers
        listed = servers.list_instance_actions(self.server_id)
        # The newest first; an abort is an action of its own.
        for action in listed["instanceActions"]:
            if action["action"] == "live-migration":
                shown = servers.show_instance_action(
                    self.server_id, action["request_id"]
                )
                return list(shown["instanceAction"]["events"])
        return []

    def file(self, directories: dict[str, str]) -> Any:
        """Return the driver's record as it lies on the source.

        :param directories: host -> directory of its records
        """
        uuid = self.record()["uuid"]
        path = Path(directories[self.source], f"{uuid}.json")
        return json.loads(path.read_text())

    def _path(self) -> str:
        record = self.record()
        return f"servers/{self.server_id}/migrations/{record['id']}"

    def _over(self) -> bool:
        record = self.record()
        if record is None or record["status"] not in FINAL:
            return False
        return self._server()["OS-EXT-STS:task_state"] is None

    def _server(self) -> Any:
        return self._clients.servers.show_server(self.server_id)["server"]

    def _listed(self) -> list[Any]:
        listed = self._clients.migrations.list_migrations(
            instance_uuid=self.server_id
        )
        return list(listed["migrations"])

    def _wait(self, over: Callable[[], bool], failure: str) -> None:
        limit = time.monotonic() + self._timeout_s
        while not over():
            if time.monotonic() > limit:
                record = self.record()
                raise exceptions.TimeoutException(
                    f"the migration of {self.server_id} {failure} in "
                    f"{self._timeout_s:.0f} s: "
                    f"{record and record['status']}"
                )
            time.sleep(_POLL_S)
