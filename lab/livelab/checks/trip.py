# SPDX-License-Identifier: Apache-2.0
"""One live migration, asked for and followed through the API."""

import time
from typing import Any

import libvirt

from livelab.cloud.client import Client
from livelab.cloud.records import FINAL, Event
from livelab.errors import LabError
from livelab.hosts import Host
from livelab.libvirtd import Libvirtd

STEERING = "compute_live_migration_steering"
POLL_S = 0.2
# The last version of the compute API in which a migration can be forced
FORCING = "2.67"


class Trip:
    """Begins with the request; raises LabError."""

    def __init__(
        self,
        client: Client,
        server_id: str,
        host: str | None = None,
        block: bool | str = "auto",
        *,
        force: bool = False,
    ) -> None:
        """:param force: as the API could until 2.67: without the scheduler"""
        self.client = client
        self.server_id = server_id
        self.source = client.server_show(server_id).host or ""
        records = self._records()
        self._before = records[0]["id"] if records else 0
        asked = {"host": host, "block_migration": block}
        headers = {}
        if force:
            asked["force"] = True
            headers["OpenStack-API-Version"] = f"compute {FORCING}"
        path = f"/servers/{server_id}/action"
        client.rest.call(
            "POST",
            "nova-api",
            path,
            json={"os-migrateLive": asked},
            headers=headers,
        )
        self.began = time.monotonic()

    def record(self) -> dict[str, Any] | None:
        """What `openstack server migration list` says of it."""
        records = self._records()
        if records and records[0]["id"] > self._before:
            return records[0]
        return None

    @property
    def status(self) -> str:
        """Of the migration record."""
        record = self.record()
        return str(record["status"]) if record else "no record"

    def wait_flow(self, after_s: float = 0.0, timeout: float = 60) -> None:
        """Wait until memory has flowed for so many seconds."""
        host = self.client.site.network[self.source]
        self._wait(
            lambda: flowing(job(host, self.server_id)),
            "no memory flows",
            timeout,
        )
        time.sleep(after_s)

    def abort(self) -> None:
        """What `openstack server migration abort` asks."""
        self.client.rest.call("DELETE", "nova-api", self._path())

    def force_complete(self) -> None:
        """What `openstack server migration force complete` asks."""
        path = self._path() + "/action"
        self.client.rest.post("nova-api", path, {"force_complete": None})

    def wait_over(self, timeout: float = 120) -> str:
        """Wait until record and server are at rest: the record's status."""
        self._wait(self._over, "the migration does not end", timeout)
        return self.status

    def events(self) -> list[Event]:
        """The steps of the newest live-migration action."""
        path = f"/servers/{self.server_id}/os-instance-actions"
        listed = self.client.rest.get("nova-api", path)["instanceActions"]
        for item in listed:
            if item["action"] == "live-migration":
                one = f"{path}/{item['request_id']}"
                body = self.client.rest.get("nova-api", one)
                return [
                    Event(
                        name=event["event"],
                        host=event.get("host"),
                        result=event["result"],
                        details=event.get("details"),
                        start=event["start_time"],
                        finish=event["finish_time"],
                    )
                    for event in body["instanceAction"]["events"]
                ]
        return []

    def reason(self) -> str:
        """What the owner is told: details of the events, else nothing."""
        said = [e.details for e in self.events() if e.details]
        return "; ".join(dict.fromkeys(said)) or "none"

    def steering(self) -> Event | None:
        """The event that the plugin adds."""
        for event in self.events():
            if event.name == STEERING:
                return event
        return None

    def _path(self) -> str:
        record = self.record()
        if record is None:
            raise LabError("no migration record yet")
        return f"/servers/{self.server_id}/migrations/{record['id']}"

    def _over(self) -> bool:
        record = self.record()
        if record is None or record["status"] not in FINAL:
            return False
        return self.client.server_show(self.server_id).task_state is None

    def _records(self) -> list[dict[str, Any]]:
        path = f"/os-migrations?instance_uuid={self.server_id}"
        listed = self.client.rest.get("nova-api", path)["migrations"]
        return sorted(listed, key=lambda one: -int(one["id"]))

    def _wait(self, over: Any, failure: str, timeout: float) -> None:
        limit = time.monotonic() + timeout
        while not over():
            if time.monotonic() > limit:
                task = self.client.server_show(self.server_id).task_state
                raise LabError(
                    f"{failure} in {timeout:.0f} s: {self.status}, task {task}"
                )
            time.sleep(POLL_S)


libvirt.registerErrorHandler(lambda *_: None, None)


def job(host: Host, server_id: str) -> dict[str, Any]:
    """libvirt's statistics of a server's running job, {} without one."""
    try:
        connection = libvirt.open(Libvirtd(host).socket_uri)
    except libvirt.libvirtError:
        return {}
    try:
        domain = connection.lookupByUUIDString(server_id)
        return dict(domain.jobStats())
    except libvirt.libvirtError:
        return {}
    finally:
        connection.close()


def flowing(stats: dict[str, Any]) -> bool:
    """Whether a job has sent some memory."""
    return bool(stats.get("type") and stats.get("memory_processed"))


def answer(error: BaseException) -> str:
    """What the API said with an error, in its own words."""
    response = getattr(error.__cause__, "response", None)
    if response is None:
        return " ".join(str(error).split())[-200:]
    return f"{response.status_code} {response.text}"
