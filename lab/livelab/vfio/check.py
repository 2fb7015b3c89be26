# SPDX-License-Identifier: Apache-2.0
"""lab/vfio check: servers with a vGPU, moved by Nova to and fro.

Stock Nova and the plugin, each with post-copy not permitted and permitted
in nova.conf. QEMU moves no VFIO device by post-copy: with stock Nova that
ends in ERROR, which is shown; all else must work.

With --full-card between cards that one vGPU fills: the server comes back to
one that its own, idle device fills. With Nova's own filters alone and with
this project's.
"""

import argparse
import contextlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from livelab import events
from livelab.cloud import computes, hypervisors
from livelab.cloud.client import Client
from livelab.cloud.mode import DRIVERS, Driver
from livelab.cloud.records import Server
from livelab.errors import LabError
from livelab.hosts import Host
from livelab.vfio import (
    clock,
    contents,
    fullcard,
    mdev,
    state,
    table,
    watching,
)
from livelab.vfio.machine import Machine

CREATE_S = 240
BOOT_S = 120
MIGRATE_S = 300
FILTERS = ("nova", "ours")


@dataclass(frozen=True)
class Case:
    """How Nova is set up.

    full: one vGPU fills a card; filters: the scheduler has the project's.
    """

    driver: Driver
    postcopy: bool = False
    full: bool = False
    filters: bool = False

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

    def __init__(
        self, client: Client, cloud: hypervisors.VfioHypervisors
    ) -> None:
        self.client = client
        self.cloud = cloud
        self.lab = cloud.lab
        self.state = state.of(self.lab.machines[0])

    def case(self, case: Case) -> Iterator[Leg]:
        """There, and if that works, back. Raises LabError."""
        with contextlib.ExitStack() as stack:
            for machine in self.lab.machines:
                mdev.clean(machine)
            if case.full:
                stack.enter_context(fullcard.one_vgpu_each(self.lab.machines))
                # nova-compute looks for GPUs when it starts.
                self.cloud.show_types()
            yield from self._case(case)

    def _case(self, case: Case) -> Iterator[Leg]:
        permit = {"live_migration_permit_post_copy": case.postcopy}
        computes.configure(
            case.driver,
            {"libvirt": permit, **(fullcard.SOON if case.full else {})},
            fullcard.FILTERS if case.filters else {},
        )
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
        if case.full:
            self._tell(case, before)
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

    def _tell(self, case: Case, server: Server) -> None:
        """Let the computes, and the filters, know what room there is."""
        self.cloud.show_types()
        if case.driver == "plugin" and case.filters:
            source = server.host or ""
            (target,) = (
                host.name
                for host in self.client.site.computes
                if host.name != source
            )
            fullcard.wait_told(self.cloud, server.id, source, target)

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
        return "; ".join(dict.fromkeys(said)) or "nothing"

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
    parser.add_argument(
        "--full-card",
        action="store_true",
        help="between cards that one vGPU fills",
    )
    parser.add_argument(
        "--filters",
        choices=FILTERS,
        action="append",
        help="with --full-card: Nova's alone, and with this project's "
        "(default: both)",
    )
    parser.set_defaults(run=run)


def _cases(arguments: argparse.Namespace) -> Iterable[Case]:
    for driver in arguments.driver or DRIVERS:
        if arguments.full_card:
            for whose in arguments.filters or FILTERS:
                yield Case(driver, full=True, filters=whose == "ours")
            continue
        for postcopy in (True,) if arguments.postcopy else (False, True):
            yield Case(driver, postcopy)


def run(arguments: argparse.Namespace) -> int:
    """All cases; 0 when all that must work does."""
    client = Client()
    if not isinstance(
        found := hypervisors.of(client.site), hypervisors.VfioHypervisors
    ):
        raise LabError("needs VFIO hosts; start with lab/up --hosts vfio")
    console = table.console()
    check = Check(client, found)
    legs: list[Leg] = []
    with events.running():
        for case in _cases(arguments):
            for leg in check.case(case):
                legs.append(leg)
                console.print(table.line(leg))
    console.print(table.make(legs))
    return 0 if all(x.good for x in legs if x.case.must_work) else 1
