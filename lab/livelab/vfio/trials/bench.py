# SPDX-License-Identifier: Apache-2.0
"""The cloud with VFIO hosts as the trials use it."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import libvirt

from livelab.checks.trial import Notes
from livelab.checks.trip import Trip
from livelab.cloud.client import Client
from livelab.cloud.hypervisors import VfioHypervisors
from livelab.cloud.records import Server
from livelab.errors import LabError
from livelab.vfio import contents, mdev, state
from livelab.vfio.machine import Machine
from livelab.vfio.trials import knobs

NAME, FLAVOR = "trial-vgpu", "trial-vgpu"
CREATE_S, MIGRATE_S, BOOT_S, LOOK_S = 300, 420, 180, 60
SPECS = {
    "livemig_gpu:max_downtime_ms": "20000",
    "livemig_gpu:over_budget": "warn",
    "livemig_gpu:timeout_s": "120",
    "livemig_gpu:on_timeout": "abort",
}


@dataclass(frozen=True)
class Place:
    """Where the server is, and where it would go.

    :ivar claims: others who have claimed something in Placement
    """

    source: Machine
    target: Machine
    host: str
    domain: libvirt.virDomain
    device: str
    claims: frozenset[str]


class Bench:
    """One server with a vGPU, made when it is needed."""

    def __init__(self, client: Client, hypervisors: VfioHypervisors) -> None:
        self.client = client
        self.hypervisors = hypervisors
        self.lab = hypervisors.lab
        self.state = state.of(self.lab.machines[0])
        self._kind: tuple[bool, int] | None = None

    def server(self, *, precopy: bool = True, fb_mib: int = 16) -> Server:
        """One with such a device and no fault: the one there is, or a new
        one."""
        for found in self.client.servers(f"^{NAME}$"):
            fine = (found.status, found.task_state) == ("ACTIVE", None)
            if fine and self._kind == (precopy, fb_mib):
                self._calm(found.id)
                return found
        self._kind = None
        made = self._new(precopy, fb_mib)
        self._kind = precopy, fb_mib
        return made

    def _calm(self, server_id: str) -> None:
        for machine in self.lab.machines:
            knobs.reset(machine)
        now = self.place(server_id)
        knobs.turn(now.source, now.device, **knobs.CALM)
        self.specs({})

    def _new(self, precopy: bool, fb_mib: int) -> Server:
        for old in self.client.servers(f"^{NAME}$"):
            self.client.server_delete(old.id)
        for machine in self.lab.machines:
            knobs.reset(machine)
            knobs.put(machine, precopy=int(precopy), fb_mib=fb_mib)
            mdev.clean(machine)
        self.hypervisors.show_types()
        self.specs({})
        image = contents.image(self.client.rest, contents.QUIET)
        made = self.client.server_create(NAME, FLAVOR, image, timeout=CREATE_S)
        self.wait(lambda: "R" in self._said(made.id), "a boot", BOOT_S)
        return made

    def specs(self, more: Mapping[str, str]) -> None:
        """What the server's flavor says of its next migration."""
        rest = self.client.rest
        listed = rest.get("nova-api", "/flavors")["flavors"]
        ids = [each["id"] for each in listed if each["name"] == FLAVOR]
        if not ids:
            body = {"name": FLAVOR, "ram": 64, "vcpus": 1, "disk": 1}
            made = rest.post("nova-api", "/flavors", {"flavor": body})
            ids = [made["flavor"]["id"]]
        path = f"/flavors/{ids[0]}/os-extra_specs"
        old = rest.get("nova-api", path)["extra_specs"]
        wanted = {**contents.DEVICE, **SPECS, **more}
        for key in old.keys() - wanted.keys():
            rest.call("DELETE", "nova-api", f"{path}/{key}")
        rest.post("nova-api", path, {"extra_specs": wanted})

    def place(self, server_id: str) -> Place:
        """Where it is now."""
        host = self.client.server_show(server_id).host or ""
        names = [each.name for each in self.client.site.computes]
        here = names.index(host)
        source, target = (
            self.lab.machines[here],
            self.lab.machines[1 - here],
        )
        domain = source.connect().lookupByUUIDString(server_id)
        others = frozenset(self._claims()) - {server_id}
        return Place(source, target, host, domain, mdev.of(domain), others)

    def ready(self, server_id: str) -> Place:
        """Contents written, no old device at the target."""
        now = self.place(server_id)
        mdev.clean(now.target)
        self.state.mark(now.source, now.domain)
        return now

    def migrate(self, server_id: str) -> Trip:
        return Trip(self.client, server_id)

    def record(self, trip: Trip, host: str) -> dict[str, Any]:
        """What the source has kept of a migration; {} where it has none."""
        found = trip.record() or {}
        folder = self.client.site.network[host].dir / "nova/livemig_gpu"
        file = folder / "records" / f"{found.get('uuid')}.json"
        body: dict[str, Any] = {}
        if file.exists():
            body = json.loads(file.read_text())
        return body

    def stays(
        self,
        notes: Notes,
        trip: Trip,
        before: Place,
        *,
        intact: bool = True,
    ) -> None:
        """It failed: the server is well at its source, nothing is left."""
        server_id = trip.server_id
        status = trip.wait_over(MIGRATE_S)
        notes.show("migration", status)
        server = self.client.server_show(server_id)
        notes.expect(
            "server ACTIVE on its source",
            (server.status, server.host) == ("ACTIVE", before.host),
            f"{server.status} on {server.host}",
        )
        notes.expect(
            "a reason is told", trip.reason() != "none", trip.reason()
        )
        notes.expect("runs once, and answers", *self._answers(server_id))
        wrong = self.state.check(before.source, before.domain)
        if intact:
            notes.expect("device's contents", wrong is None, wrong or "intact")
        else:
            notes.show("device's contents", wrong or "intact")
        self._nothing_left(notes, server_id, before)

    def arrives(self, notes: Notes, server_id: str, what: str) -> Trip | None:
        """Migrate it, with new contents; they arrive."""
        now = self.place(server_id)
        self.state.mark(now.source, now.domain)
        try:
            trip = self.migrate(server_id)
            status = trip.wait_over(MIGRATE_S)
        except LabError as error:
            notes.expect(what, False, error)
            return None
        self.came(notes, trip, now, what, status)
        return trip

    def came(
        self, notes: Notes, trip: Trip, before: Place, what: str, status: str
    ) -> None:
        """It is at the other host, its device's contents are there."""
        server = self.client.server_show(trip.server_id)
        good = (status, server.status) == ("completed", "ACTIVE")
        told = f"{status}, {server.status} on {server.host}"
        if not good or server.host == before.host:
            notes.expect(what, False, f"{told}: {trip.reason()}")
            return
        after = self.place(trip.server_id)
        wrong = self.state.check(after.source, after.domain)
        notes.expect(what, wrong is None, f"{told}, {wrong or 'intact'}")

    def _nothing_left(
        self, notes: Notes, server_id: str, before: Place
    ) -> None:
        claims = self._claims()
        hosts = {name.split("_")[0] for name in claims.get(server_id, ())}
        notes.expect(
            "claimed for it in Placement: its source alone",
            set(claims) - before.claims == {server_id} and len(hosts) == 1,
            {key[:8]: sorted(names) for key, names in claims.items()},
        )
        left = mdev.all_of(before.target)
        notes.expect("no mdev is left at the target", not left, left or "none")

    def _claims(self) -> dict[str, set[str]]:
        """Who has claimed something in Placement, and of which providers."""
        get, path = self.client.rest.get, "/resource_providers"
        found: dict[str, set[str]] = {}
        for one in get("placement", path)["resource_providers"]:
            given = get("placement", f"{path}/{one['uuid']}/allocations")
            for consumer in given["allocations"]:
                found.setdefault(consumer, set()).add(one["name"])
        return found

    def _answers(self, server_id: str) -> tuple[bool, str]:
        where = []
        for machine in self.lab.machines:
            connection = machine.connect()
            for domain in connection.listAllDomains():
                if domain.UUIDString() == server_id:
                    where.append((machine.name, domain.info()[0]))
            connection.close()
        before = self._said(server_id).count("v")
        try:
            self.wait(
                lambda: self._said(server_id).count("v") > before + 1,
                "an answer",
                LOOK_S,
            )
        except LabError as error:
            return False, f"{where}: {error}"
        once = [state for _, state in where] == [libvirt.VIR_DOMAIN_RUNNING]
        return once and "X" not in self._said(server_id), str(where)

    def _said(self, server_id: str) -> str:
        return self.client.console_log(server_id)

    @staticmethod
    def wait(over: Callable[[], Any], what: str, timeout: float) -> None:
        limit = time.monotonic() + timeout
        while not over():
            if time.monotonic() > limit:
                raise LabError(f"{what}: not in {timeout:.0f} s")
            time.sleep(0.5)
