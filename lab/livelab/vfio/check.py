# SPDX-License-Identifier: Apache-2.0
"""lab/vfio check: servers with a vGPU, moved by Nova to and fro.

Stock Nova and the plugin, each with post-copy not permitted and permitted
in nova.conf. QEMU moves no VFIO device by post-copy: with stock Nova that
ends in ERROR, which is shown; all else must work.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass

from livelab import events
from livelab.cloud import computes, hypervisors
from livelab.cloud.client import Client
from livelab.cloud.mode import DRIVERS, Driver
from livelab.cloud.records import Server
from livelab.errors import LabError
from livelab.hosts import Host
from livelab.vfio import clock, contents, mdev, state, table, watching
from livelab.vfio.lab import VfioLab
from livelab.vfio.machine import Machine

CREATE_S = 240
BOOT_S = 120
MIGRATE_S = 300


@dataclass(frozen=True)
class Case:
    """How Nova is set up."""

    driver: Driver
    postcopy: bool

    @property
    def must_work(self) -> bool:
        return self.driver == "plugin" or not self.postcopy


@dataclass(frozen=True)
class Leg:
    """One migration. wrong is None where the device's state is intact."""

    case: Case
    way: str
    migration: str
    server: str
    seconds: float
    moved: bool
    new_device: bool
    wrong: str | None
    downtime_ms: int | None
    device_bytes: int | None
    told: str

    @property
    def good(self) -> bool:
        return (
            (self.migration, self.server) == ("completed", "ACTIVE")
            and self.moved
            and self.new_device
            and self.wrong is None
        )


class Check:
    """The cases, one after the other, on a cloud with VFIO hosts."""

    def __init__(self, client: Client, lab: VfioLab) -> None:
        self.client = client
        self.lab = lab
        self.state = state.of(lab.machines[0])

    def case(self, case: Case) -> Iterator[Leg]:
        """There, and if that works, back. Raises LabError."""
        permit = {"live_migration_permit_post_copy": case.postcopy}
        for machine in self.lab.machines:
            mdev.clean(machine)
        computes.configure(case.driver, {"libvirt": permit})
        image = contents.image(self.client.rest, contents.QUIET)
        name = f"check-{case.driver}-{int(case.postcopy)}"
        server = self.client.server_create(
            name, "v64", image, timeout=CREATE_S
        )
        try:
            self._wait_boot(server.id)
            for _ in range(2):
                leg = self._leg(case, server.id)
                yield leg
                if not leg.good:
                    break
        finally:
            self.client.server_delete(server.id)

    def _leg(self, case: Case, server_id: str) -> Leg:
        before = self.client.server_show(server_id)
        source = self._machine(before)
        domain = source.connect().lookupByUUIDString(server_id)
        self.state.mark(source, domain)
        device = mdev.of(domain)
        clock.set_right(self.lab.machines)
        with watching.final(source, server_id) as final:
            self.client.migrate(server_id)
            record = self.client.wait_migration(server_id, MIGRATE_S)
            stats = final.wait()
        after = self.client.server_show(server_id)
        here = self._machine(after)
        domain = here.connect().lookupByUUIDString(server_id)
        return Leg(
            case=case,
            way=f"{source.name} → {self._other(source).name}",
            migration=record.status,
            server=after.status,
            seconds=record.seconds,
            moved=here is not source,
            new_device=mdev.of(domain) != device,
            wrong=self.state.check(here, domain),
            downtime_ms=stats.get("downtime"),
            device_bytes=stats.get("vfio_data_transferred"),
            told=self._told(after),
        )

    def _wait_boot(self, server_id: str) -> None:
        limit = time.monotonic() + BOOT_S
        while "R" not in self.client.console_log(server_id):
            if time.monotonic() > limit:
                raise LabError(f"server {server_id}: not booted in {BOOT_S} s")
            time.sleep(0.5)

    def _told(self, server: Server) -> str:
        """What the server's owner can read of a failure."""
        said = [server.fault] if server.fault else []
        for action in self.client.events(server.id)[:1]:
            said += [event.details for event in action.events if event.details]
        return "; ".join(said) or "nothing"

    def _machine(self, server: Server) -> Machine:
        hosts: list[Host] = list(self.client.site.computes)
        names = [host.name for host in hosts]
        return self.lab.machines[names.index(server.host or "")]

    def _other(self, machine: Machine) -> Machine:
        first, second = self.lab.machines
        return second if machine is first else first


def add(parser: argparse.ArgumentParser) -> None:
    """The command's words."""
    parser.add_argument(
        "--driver", choices=DRIVERS, action="append", help="default: both"
    )
    parser.add_argument(
        "--postcopy",
        action="store_true",
        help="only where nova.conf permits it",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """All cases; 0 when all that must work does."""
    client = Client()
    if not isinstance(
        found := hypervisors.of(client.site), hypervisors.VfioHypervisors
    ):
        raise LabError("needs VFIO hosts; start with lab/up --hosts vfio")
    console = table.console()
    check = Check(client, found.lab)
    legs: list[Leg] = []
    with events.running():
        for driver in arguments.driver or DRIVERS:
            for postcopy in (True,) if arguments.postcopy else (False, True):
                for leg in check.case(Case(driver, postcopy)):
                    legs.append(leg)
                    console.print(table.line(leg))
    console.print(table.make(legs))
    return 0 if all(x.good for x in legs if x.case.must_work) else 1
