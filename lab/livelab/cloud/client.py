# SPDX-License-Identifier: Apache-2.0
"""Use the cloud as an operator does, and look at it quickly."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livelab.cloud import disks, sql
from livelab.cloud.images import workload_image
from livelab.cloud.records import Action, Migration, Server
from livelab.cloud.rest import Rest
from livelab.cloud.site import Site
from livelab.errors import LabError

POLL_S = 0.1


class Client:
    """Migrations by the real `openstack` client; the rest by REST and SQL,
    because one call of that client costs seconds. Servers go by their id.
    Every method raises LabError."""

    def __init__(self, site: Site | None = None) -> None:
        self.site = site or Site()
        self.rest = Rest(self.site)
        self._asked: dict[str, tuple[int, float]] = {}

    def openstack(self, *words: str, parse: bool = True) -> Any:
        """Run the openstack client in the controller: its JSON.

        parse=False for commands that print nothing (migrate, delete):
        they know no output format. None when nothing was printed.
        """
        argv = [f"{self.site.venv}/bin/openstack", *words]
        argv += ["-f", "json"] if parse else []
        done = self.site.controller.run(argv, env=self.site.admin_env)
        return json.loads(done.stdout) if parse and done.stdout else None

    def workload_image(self, ws: int, rate: int, **more: Any) -> str:
        """See images.workload_image."""
        return workload_image(self.rest, ws, rate, **more)

    def server_create(
        self, name: str, flavor: str, image: str, *, timeout: float = 120
    ) -> Server:
        """Boot a server and wait until Nova calls it ACTIVE.

        flavor by name, image by id; the guest is still booting then.
        """
        body = {
            "name": name,
            "flavorRef": self._flavor(flavor),
            "imageRef": image,
            "networks": "none",
        }
        made = self.rest.post("nova-api", "/servers", {"server": body})
        return self.wait_status(made["server"]["id"], "ACTIVE", timeout)

    def wait_status(
        self, server_id: str, status: str, timeout: float = 120
    ) -> Server:
        """Wait until a server has a status and no task; ERROR raises."""
        limit = time.monotonic() + timeout
        while True:
            server = self.server_show(server_id)
            if server.status == status and server.task_state is None:
                return server
            if server.status == "ERROR":
                # The reason is written a little later than the status.
                time.sleep(10 * POLL_S)
                fault = self.server_show(server_id).fault
                raise LabError(f"server {server.name}: ERROR: {fault}")
            if time.monotonic() > limit:
                raise LabError(
                    f"server {server.name}: {server.status} "
                    f"({server.task_state}), not {status}, in {timeout} s"
                )
            time.sleep(3 * POLL_S)

    def server_show(self, server_id: str) -> Server:
        """How a server is now."""
        body = self.rest.get("nova-api", f"/servers/{server_id}")
        return Server.parse(body["server"])

    def servers(self, name: str = "") -> list[Server]:
        """All servers, or those whose name matches."""
        path = "/servers/detail" + (f"?name={name}" if name else "")
        listed = self.rest.get("nova-api", path)["servers"]
        return [Server.parse(body) for body in listed]

    def server_delete(self, server_id: str, timeout: float = 60) -> None:
        """Delete a server and wait until its host forgot it."""
        self.rest.call("DELETE", "nova-api", f"/servers/{server_id}")
        limit = time.monotonic() + timeout
        while not self._deleted(server_id):
            if time.monotonic() > limit:
                raise LabError(f"server {server_id}: not gone in {timeout} s")
            time.sleep(POLL_S)

    def migrate(
        self,
        server_id: str,
        host: str | None = None,
        extra: Sequence[str] = (),
    ) -> None:
        """openstack server migrate --live-migration; does not wait."""
        last = self._last(server_id)
        target = ["--host", host] if host else []
        self.openstack(
            *["server", "migrate", "--live-migration", *target],
            *[*extra, server_id],
            parse=False,
        )
        self._asked[server_id] = (last.id if last else 0, time.monotonic())

    def migration(self, server_id: str) -> Migration | None:
        """The record of the migration last asked for; None: not yet."""
        last = self._last(server_id)
        asked, _ = self._asked.get(server_id, (0, 0.0))
        return last if last and last.id > asked else None

    def wait_migration(
        self, server_id: str, timeout: float = 300
    ) -> Migration:
        """Wait until the migration is over, however it ended.

        Over: its record is final and the server has no task any more, for
        Nova may change a final record while it cleans up. Its seconds
        count from when the client had returned.
        """
        limit = time.monotonic() + timeout
        while True:
            busy = self._task(server_id)
            record = self.migration(server_id)
            if record and record.final and busy is None:
                return record
            if time.monotonic() > limit:
                state = record.status if record else "no record"
                raise LabError(
                    f"migration: {state}, task {busy}, after {timeout} s"
                )
            time.sleep(POLL_S)

    def abort(self, server_id: str) -> None:
        """What `openstack server migration abort` asks."""
        path = self._running(server_id)
        self.rest.call("DELETE", "nova-api", path)

    def force_complete(self, server_id: str) -> None:
        """What `openstack server migration force complete` asks."""
        path = self._running(server_id) + "/action"
        self.rest.post("nova-api", path, {"force_complete": None})

    def events(self, server_id: str) -> list[Action]:
        """All actions on a server with their events, newest first."""
        path = f"/servers/{server_id}/os-instance-actions"
        listed = self.rest.get("nova-api", path)["instanceActions"]
        return [self._action(path, item["request_id"]) for item in listed]

    def reset_state(self, server_id: str) -> None:
        """Make a server ACTIVE for Nova, which lost track of it."""
        body = {"os-resetState": {"state": "active"}}
        self.rest.post("nova-api", f"/servers/{server_id}/action", body)

    def console_file(self, server_id: str) -> Path:
        """Where the console is written, as seen from the machine."""
        host = self.server_show(server_id).host or ""
        return disks.instance_dir(self.site, server_id, host) / "console.log"

    def console_log(self, server_id: str) -> str:
        """What the guest printed, less what another host's QEMU cut."""
        file = self.console_file(server_id)
        text = file.read_bytes().replace(b"\0", b"") if file.exists() else b""
        return text.decode(errors="replace")

    def _flavor(self, name: str) -> str:
        listed = self.rest.get("nova-api", "/flavors")["flavors"]
        for flavor in listed:
            if flavor["name"] == name:
                return str(flavor["id"])
        raise LabError(f"no flavor {name!r}")

    def _task(self, server_id: str) -> str | None:
        rows = sql.query(
            self.site,
            "select task_state from nova.instances where uuid = %s",
            server_id,
        )
        return rows[0][0] if rows else None

    def _deleted(self, server_id: str) -> bool:
        rows = sql.query(
            self.site,
            "select 1 from nova.instances where uuid = %s and deleted = 0",
            server_id,
        )
        return not rows

    def _last(self, server_id: str) -> Migration | None:
        rows = sql.query(
            self.site,
            "select id, status, source_compute, dest_compute "
            "from nova.migrations where instance_uuid = %s "
            "order by id desc limit 1",
            server_id,
        )
        if not rows:
            return None
        _, begin = self._asked.get(server_id, (0, time.monotonic()))
        number, status, source, dest = rows[0]
        seconds = time.monotonic() - begin
        return Migration(number, status, source, dest, seconds)

    def _running(self, server_id: str) -> str:
        record = self.migration(server_id)
        if record is None or record.final:
            raise LabError(f"server {server_id}: no migration under way")
        return f"/servers/{server_id}/migrations/{record.id}"

    def _action(self, path: str, request_id: str) -> Action:
        body = self.rest.get("nova-api", f"{path}/{request_id}")
        return Action.parse(body["instanceAction"])
