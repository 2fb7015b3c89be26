# SPDX-License-Identifier: Apache-2.0
"""The cloud as the trials use it, and how it is put back."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from livelab.checks.trip import Trip
from livelab.cloud import computes, mode, services
from livelab.cloud.client import Client
from livelab.cloud.ini import Sections, merge
from livelab.cloud.mode import Driver, Mode
from livelab.cloud.records import Server
from livelab.cloud.service import Service
from livelab.errors import LabError
from livelab.hosts import Host
from livelab.libvirtd import Libvirtd

# The tightest that Nova takes, and no way out but a quiet guest.
BASE: Sections = {
    "libvirt": {
        "live_migration_downtime": 100,
        "live_migration_downtime_steps": 3,
        "live_migration_downtime_delay": 3,
        "live_migration_permit_post_copy": False,
        "live_migration_permit_auto_converge": False,
    },
    "livemig_gpu": {
        "max_downtime_ms": 50,
        "on_timeout": "continue",
    },
}
# MiB rewritten, MiB/s: more than the link takes, and next to nothing.
BUSY, IDLE = (128, 100), (16, 2)
FLAVOR_MIB = 256


class World:
    """One trial's view of the cloud."""

    def __init__(self, driver: Driver, say: Callable[[str], None]) -> None:
        self.driver = driver
        self.say = say
        self.client = Client()
        self.site = self.client.site
        self.undo = ExitStack()

    @property
    def plugin(self) -> bool:
        return self.driver == "plugin"

    def use(self, options: Sections, *, restart: bool = False) -> None:
        """Run the computes with these options over BASE."""
        wanted = Mode(self.driver, merge(BASE, options))
        if restart or mode.load(self.site.state) != wanted:
            self.say("configure the computes")
            computes.configure(wanted.driver, wanted.options, site=self.site)

    def server(
        self,
        load: tuple[int, int] = BUSY,
        flavor: str = "",
        properties: Mapping[str, str] | None = None,
        *,
        agent: bool = False,
    ) -> Server:
        """A server with this load: one that runs, or a new one.

        agent: with QEMU's guest agent and a file system in it.
        """
        ws, rate = load
        words = [str(ws), str(rate), flavor, *(properties or {})]
        words += ["agent"] if agent else []
        name = "-".join(["check", *words])
        for found in self.client.servers(f"^{name}$"):
            if found.status == "ACTIVE" and found.task_state is None:
                self._wait_load(found.id)
                return found
            self.client.server_delete(found.id)
        self.say("boot a server")
        image = self.client.workload_image(ws, rate, agent=agent)
        if properties:
            image = self._image(image, name, properties)
        made = self.client.server_create(name, flavor or "t256", image)
        self._wait_load(made.id)
        return made

    def flavor(self, name: str, specs: Mapping[str, str]) -> str:
        """A flavor of our own with exactly these extra specs."""
        rest = self.client.rest
        listed = rest.get("nova-api", "/flavors")["flavors"]
        ids = [one["id"] for one in listed if one["name"] == name]
        if not ids:
            body = {"name": name, "ram": FLAVOR_MIB, "vcpus": 1, "disk": 1}
            made = rest.post("nova-api", "/flavors", {"flavor": body})
            ids = [made["flavor"]["id"]]
        path = f"/flavors/{ids[0]}/os-extra_specs"
        for key in rest.get("nova-api", path)["extra_specs"]:
            rest.call("DELETE", "nova-api", f"{path}/{key}")
        if specs:
            rest.post("nova-api", path, {"extra_specs": dict(specs)})
        return name

    def migrate(self, server: Server, **more: Any) -> Trip:
        """Ask for a live migration."""
        self.say("migrate")
        return Trip(self.client, server.id, **more)

    def moving(self, server: Server, after_s: float = 2.0) -> Trip:
        """A live migration in full flow."""
        trip = self.migrate(server)
        trip.wait_flow(after_s)
        return trip

    def domains(self, server_id: str) -> dict[str, str]:
        """In which state libvirt has the server's guest, by host."""
        found = {}
        for host in self.site.computes:
            listed = self.virsh(host, "list", "--all", "--uuid").split()
            if server_id in listed:
                words = ("domstate", server_id, "--reason")
                said = self.virsh(host, *words, check=False).strip()
                # It may have gone between the two questions.
                if "failed to get" not in said:
                    found[host.name] = said
        return found

    def allocations(self, consumer: str) -> list[str]:
        """The hosts that Placement counts a server, or migration, on."""
        get = self.client.rest.get
        found = get("placement", f"/allocations/{consumer}")["allocations"]
        known = get("placement", "/resource_providers")["resource_providers"]
        names = {one["uuid"]: one["name"].rstrip(".") for one in known}
        return sorted(names.get(uuid, uuid) for uuid in found)

    def virsh(self, host: Host, *words: str, check: bool = True) -> str:
        """What virsh on a host says."""
        done = host.run(["virsh", "-q", *words], check=check, timeout=60)
        return done.stdout + ("" if check else done.stderr)

    def compute(self, host: str) -> Service:
        """The nova-compute of a host."""
        for service in services.nova_computes(self.site):
            if service.daemon.host.name == host:
                return service
        raise LabError(f"no compute {host}")

    def other(self, host: str) -> Host:
        """The hypervisor that this is not."""
        return next(h for h in self.site.computes if h.name != host)

    def log(self, host: str, since: int = 0) -> str:
        """What a nova-compute wrote, from a place in its log on."""
        file = self.compute(host).daemon.log
        with file.open("rb") as opened:
            opened.seek(since)
            return opened.read().decode(errors="replace")

    def log_size(self, host: str) -> int:
        return self.compute(host).daemon.log.stat().st_size

    def memory_wrong(self, server_id: str) -> bool:
        """Whether the guest ever found a wrong byte."""
        return "BAD " in self.client.console_log(server_id)

    def wait(
        self, over: Callable[[], Any], what: str, timeout: float = 60
    ) -> None:
        """Wait for something; raises LabError with its name."""
        limit = time.monotonic() + timeout
        while not over():
            if time.monotonic() > limit:
                raise LabError(f"{what}: not in {timeout:.0f} s")
            time.sleep(0.2)

    def put_back(self) -> None:
        """Daemons up, servers ACTIVE; what cannot be saved is deleted."""
        self.say("put everything back")
        self.undo.close()
        for host in self.site.computes:
            Libvirtd(host).start()
            Libvirtd(host).wait_ready()
        everything = services.nova_computes(self.site)
        for service in everything:
            service.ensure()
        services.wait(everything, 180)
        for server in self.client.servers("^check-"):
            self._mend(server)
        self._free_claims()

    def _free_claims(self) -> None:
        """Nova leaves claims of killed migrations; hosts would fill up."""
        rest = self.client.rest
        servers = {server.id for server in self.client.servers()}
        path = "/resource_providers"
        for one in rest.get("placement", path)["resource_providers"]:
            claims = f"{path}/{one['uuid']}/allocations"
            found = rest.get("placement", claims)["allocations"]
            for consumer in found.keys() - servers:
                rest.call("DELETE", "placement", f"/allocations/{consumer}")

    def _mend(self, server: Server) -> None:
        def settled() -> bool:
            return self.client.server_show(server.id).task_state is None

        try:
            self.wait(settled, "a task that ends", 30)
            if server.status == "ERROR":
                self.client.reset_state(server.id)
            where = self.domains(server.id)
            host = self.client.server_show(server.id).host
            alone = list(where) == [host]
            if alone and where[str(host)].startswith("running"):
                return
        except LabError:
            pass
        self.client.reset_state(server.id)
        self.client.server_delete(server.id)

    def _wait_load(self, server_id: str) -> None:
        self.wait(
            lambda: "HB t=" in self.client.console_log(server_id),
            "a guest that has booted",
            90,
        )

    def _image(self, image: str, name: str, more: Mapping[str, str]) -> str:
        """A copy of an image record with more properties."""
        rest = self.client.rest
        listed = rest.get("glance", f"/images?name={name}")["images"]
        if listed:
            return str(listed[0]["id"])
        old = rest.get("glance", f"/images/{image}")
        keys = (
            "disk_format",
            "container_format",
            "kernel_id",
            "ramdisk_id",
            "hw_video_model",
            "os_command_line",
        )
        body = {key: old[key] for key in keys if key in old}
        made = rest.post("glance", "/images", {**body, "name": name, **more})
        rest.call(
            "PUT",
            "glance",
            f"/images/{made['id']}/file",
            data=bytes(1024 * 1024),
            headers={"Content-Type": "application/octet-stream"},
        )
        return str(made["id"])


@contextmanager
def opened(driver: Driver, say: Callable[[str], None]) -> Iterator[World]:
    """A world that is put back in the end, whatever happens."""
    world = World(driver, say)
    try:
        yield world
    finally:
        world.put_back()
