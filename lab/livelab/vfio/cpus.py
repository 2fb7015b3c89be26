# SPDX-License-Identifier: Apache-2.0
"""lab/vfio cpus: servers moved between hosts with different CPUs.

The cloud must be up with KVM hosts (lab/up --hosts kvm): compute1's machine
has a newer processor than compute2's, and KVM gives the servers of each what
it has. Stock Nova and the plugin, with its filters in the scheduler.
"""

import argparse
import json
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from livelab import paths
from livelab.checks import gpu_hosts
from livelab.checks import table as shown
from livelab.checks.table import Found
from livelab.checks.trial import Notes, choose
from livelab.checks.trial import Trial as Listed
from livelab.checks.trip import Trip
from livelab.cloud import computes, hypervisors, mode, sql
from livelab.cloud.client import Client
from livelab.cloud.hypervisors import LACKS
from livelab.cloud.ini import Sections, merge
from livelab.cloud.mode import DRIVERS, Driver, Mode
from livelab.cloud.records import Server
from livelab.errors import LabError
from livelab.vfio import contents, table
from nova_livemig_gpu.facts import codec

FLAVOR, MIB = "cpu64", 64
CREATE_S, BOOT_S, FACTS_S, MIGRATE_S = 240, 120, 60, 240
# Soon after a server has come its host tells of it.
AUDIT: Sections = {
    "DEFAULT": {"update_resources_interval": 3, "periodic_fuzzy_delay": 1}
}
SKIP: Sections = {"workarounds": {"skip_cpu_compare_on_dest": True}}
HOST_MODEL: Sections = {"libvirt": {"cpu_mode": "host-model"}}
# EPYC is usable on neither: of its features KVM in a machine without the
# hardware lacks some, and the older machine some more.
LEFT_OUT = ("vme", "xsavec", "misalignsse", "osvw", "fxsr_opt", "monitor")
NAMED: Sections = {
    "libvirt": {
        "cpu_mode": "custom",
        "cpu_models": "EPYC",
        "cpu_model_extra_flags": ",".join(
            f"-{name}" for name in (*LEFT_OUT, *LACKS, "svm")
        ),
    },
    "workarounds": {"skip_cpu_compare_at_startup": True},
}


class CpuCloud:
    """The cloud with one driver; host names by their processors."""

    def __init__(self, client: Client, driver: Driver) -> None:
        self.client = client
        self.driver = driver
        self.newer, self.older = (host.name for host in client.site.computes)

    def use(self, *options: Sections) -> None:
        """Run computes and scheduler with these options."""
        plugin = self.driver == "plugin"
        all_of_them = merge(AUDIT, *options)
        wanted = Mode(
            self.driver, all_of_them, gpu_hosts.CONTROLLER if plugin else {}
        )
        if mode.load(self.client.site.state) != wanted:
            computes.use(wanted, site=self.client.site)

    def boot(self, host: str) -> Server:
        """A server that was started there, and has booted."""
        rest = self.client.rest
        for old in self.client.servers("^cpu-"):
            self.client.server_delete(old.id)
        body = {
            "name": "cpu-server",
            "flavorRef": self._flavor(),
            "imageRef": contents.image(rest, contents.QUIET),
            "networks": "none",
            "availability_zone": f"nova:{host}",
        }
        made = rest.post("nova-api", "/servers", {"server": body})["server"]
        server = self.client.wait_status(made["id"], "ACTIVE", CREATE_S)
        _wait(
            lambda: "R" in self.client.console_log(server.id),
            "a guest that has booted",
            BOOT_S,
        )
        return server

    def move(self, server: Server, *, force: bool = False) -> "Move":
        """Migrate it to the other host; forced: past the scheduler."""
        source = self.client.server_show(server.id).host or ""
        target = self.older if source == self.newer else self.newer
        if self.driver == "plugin":
            _wait(lambda: self._told(source, server.id), "facts", FACTS_S)
        trip = Trip(
            self.client, server.id, target if force else None, force=force
        )
        status = trip.wait_over(MIGRATE_S)
        after = self.client.server_show(server.id)
        return Move(target, status, after, trip.reason())

    def _told(self, host: str, server_id: str) -> bool:
        """Whether the host has published what CPU the server has."""
        rows = sql.query(
            self.client.site,
            "select stats from nova.compute_nodes "
            "where host = %s and deleted = 0",
            host,
        )
        facts = codec.decode(json.loads(rows[0][0])) if rows else None
        guests = (facts.guests if facts else None) or ()
        return server_id in [guest.server for guest in guests]

    def _flavor(self) -> str:
        rest = self.client.rest
        listed = rest.get("nova-api", "/flavors")["flavors"]
        ids = [each["id"] for each in listed if each["name"] == FLAVOR]
        if not ids:
            body = {"name": FLAVOR, "ram": MIB, "vcpus": 1, "disk": 1}
            made = rest.post("nova-api", "/flavors", {"flavor": body})
            ids = [made["flavor"]["id"]]
        return str(ids[0])


class Move:
    """How a migration ended."""

    def __init__(
        self, target: str, status: str, server: Server, reason: str
    ) -> None:
        self.target, self.status = target, status
        self.server, self.reason = server, reason

    @property
    def arrived(self) -> bool:
        return (self.status, self.server.status, self.server.host) == (
            "completed",
            "ACTIVE",
            self.target,
        )

    @property
    def stayed(self) -> bool:
        """It is as well as before, where it was."""
        return (
            self.status != "completed"
            and self.server.status == "ACTIVE"
            and self.server.host != self.target
        )

    def __str__(self) -> str:
        told = "" if self.arrived else f": {self.reason}"
        return (
            f"{self.status}, {self.server.status} on {self.server.host}{told}"
        )


def _to_and_fro(
    cloud: CpuCloud, notes: Notes, server: Server, *, force: bool = False
) -> None:
    how = "forced " if force else ""
    for what in (f"{how}to the newer host", f"{how}back to the older"):
        move = cloud.move(server, force=force)
        if not notes.expect(what, move.arrived, move):
            return


def _older_server(cloud: CpuCloud, notes: Notes) -> None:
    cloud.use(HOST_MODEL, SKIP)
    server = cloud.boot(cloud.older)
    _to_and_fro(cloud, notes, server)
    _to_and_fro(cloud, notes, server, force=True)


def _newer_server(cloud: CpuCloud, notes: Notes) -> None:
    cloud.use(HOST_MODEL, SKIP)
    server = cloud.boot(cloud.newer)
    move = cloud.move(server)
    notes.expect("stays as it is", move.stayed, move)
    notes.expect(
        "its owner is told what is missing",
        all(name in move.reason for name in LACKS),
        move.reason,
    )
    if move.server.status != "ACTIVE":
        cloud.client.reset_state(server.id)
    move = cloud.move(server, force=True)
    notes.expect("stays as it is when forced", move.stayed, move)


def _nova_compares(cloud: CpuCloud, notes: Notes) -> None:
    cloud.use(HOST_MODEL)
    server = cloud.boot(cloud.older)
    move = cloud.move(server)
    notes.expect("to the newer host", move.arrived, move)
    move = cloud.move(server)
    notes.expect("not back, as with Nova alone", move.stayed, move)
    notes.expect(
        "it is Nova that refuses",
        "CPU doesn't have compatibility" in move.reason,
        move.reason,
    )


def _named_model(cloud: CpuCloud, notes: Notes) -> None:
    cloud.use(NAMED)
    server = cloud.boot(cloud.older)
    _to_and_fro(cloud, notes, server)
    _to_and_fro(cloud, notes, server, force=True)


class Trial:
    """One trial; does is a line that says what is done."""

    def __init__(
        self, name: str, does: str, run: Callable[[CpuCloud, Notes], None]
    ) -> None:
        self.name, self.does, self.run = name, does, run


TRIALS = (
    Trial(
        "cpu-older-server",
        "skip_cpu_compare_on_dest; a host-model server of the older host",
        _older_server,
    ),
    Trial(
        "cpu-newer-server",
        "... and one of the newer host, that the older cannot take",
        _newer_server,
    ),
    Trial(
        "cpu-nova-compares",
        "the same servers without that workaround",
        _nova_compares,
    ),
    Trial(
        "cpu-named-model",
        "a named model that neither host has whole",
        _named_model,
    ),
)


def add(parser: argparse.ArgumentParser) -> None:
    """The command's words."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="all")
    parser.add_argument(
        "--driver", choices=DRIVERS, action="append", help="default: both"
    )
    parser.add_argument("--list", action="store_true", help="the trials")
    parser.add_argument("--out", type=Path, help="results, JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """0 when all is as it must be with the plugin."""
    console = table.console()
    if arguments.list:
        for trial in TRIALS:
            console.print(f"{trial.name:18} {escape(trial.does)}")
        return 0
    chosen = choose(arguments.names, TRIALS)
    client = Client()
    if hypervisors.of(client.site).kind != "kvm":
        raise LabError("needs KVM hosts; start with lab/up --hosts kvm")
    found: list[Found] = []
    for driver in arguments.driver or DRIVERS:
        cloud = CpuCloud(client, driver)
        for trial in chosen:
            found.append(_one(trial, cloud))
            for note in found[-1].notes.items:
                console.print("   ", shown.line(note, driver))
            _write(found, arguments.out)
    console.print(shown.make(found))
    return 1 if any(x.bad for x in found if x.driver == "plugin") else 0


def _one(trial: Trial, cloud: CpuCloud) -> Found:
    console, notes = table.console(), Notes()
    title = f"  [bold]{trial.name}[/], {cloud.driver}: {escape(trial.does)}"
    console.print(title)
    begin = time.monotonic()
    try:
        trial.run(cloud, notes)
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        if not isinstance(error, LabError):
            what += "\n" + traceback.format_exc()
        notes.expect("the trial itself", False, what)
    seconds = time.monotonic() - begin
    console.print(f"    [dim]{seconds:.0f} s")
    listed = Listed(trial.name, trial.does, lambda *_: None)
    return Found(listed, cloud.driver, notes, seconds)


def _write(found: list[Found], out: Path | None) -> None:
    if out is None:
        folder = paths.state_dir() / "results"
        folder.mkdir(exist_ok=True)
        out = folder / "cpus.json"
    body: list[Mapping[str, object]] = [
        {
            "trial": one.trial.name,
            "driver": one.driver,
            "seconds": round(one.seconds, 1),
            "notes": [asdict(note) for note in one.notes.items],
        }
        for one in found
    ]
    out.write_text(json.dumps(body, indent=1) + "\n")


def _wait(over: Callable[[], bool], what: str, timeout: float) -> None:
    limit = time.monotonic() + timeout
    while not over():
        if time.monotonic() > limit:
            raise LabError(f"{what}: not in {timeout:.0f} s")
        time.sleep(0.5)
