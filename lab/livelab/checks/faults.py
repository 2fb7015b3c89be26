# SPDX-License-Identifier: Apache-2.0
"""Faults in a policy, in the statistics, and of the places to write to."""

from pathlib import Path

from livelab.checks.races import sound
from livelab.checks.trial import Notes, Trial
from livelab.checks.world import IDLE, World
from livelab.cloud import mode, services, sql
from livelab.cloud.ini import Sections
from livelab.cloud.mode import Mode

FLAVOR = "check-broken"
PACKAGE = "livelab_check_policies"
FULL = "/var/lib/nova/full"
MODULES = {
    "raises": """\
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy


class Raises(AdaptivePolicy):
    def decide(self, progress):
        raise RuntimeError("broken on purpose")
""",
    "plans": """\
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy


class Raises(AdaptivePolicy):
    def plan(self):
        raise RuntimeError("broken on purpose")
""",
    "blind": """\
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.virt.job import NovaJob

_KEPT = ("type", "time_elapsed", "memory_total", "memory_processed")
_all = NovaJob._stats


def _stats(self):
    found = _all(self)
    return {key: found[key] for key in _KEPT if key in found}


NovaJob._stats = _stats


class Raises(AdaptivePolicy):
    pass
""",
    "nonsense": """\
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy


class Raises(AdaptivePolicy):
    def decide(self, progress):
        return "faster, please"
""",
}


def install(folder: Path) -> None:
    """A package with our broken policies, found through PYTHONPATH."""
    info = folder / f"{PACKAGE}-1.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Name: {PACKAGE}\nVersion: 1\n")
    lines = ["[nova_livemig_gpu.policies]"]
    for name, text in MODULES.items():
        module = f"{PACKAGE}_{name}"
        (folder / f"{module}.py").write_text(text)
        lines.append(f"check_{name} = {module}:Raises")
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def _with_package(world: World) -> None:
    """Start the computes once more, with the package beside them."""
    folder = world.site.state / "check-policies"
    install(folder)
    started = services.nova_computes(world.site)
    for service in started:
        service.stop()
        env = {**(service.daemon.env or {}), "PYTHONPATH": str(folder)}
        service.daemon.env = env
        service.ensure()
    services.wait(started)
    # The next trial is to restart them without it.
    world.undo.callback(mode.save, world.site.state, Mode("stock"))


def policies(world: World, notes: Notes) -> None:
    _with_package(world)
    world.flavor(FLAVOR, {"livemig_gpu:policy": "adaptive"})
    server = world.server(IDLE, FLAVOR)
    said = {
        "raises": ("Steering of this live migration failed", True),
        "plans": ("cannot be steered and is left to Nova", True),
        "nonsense": ("Steering of this live migration failed", True),
        "blind": ("Steering of this live migration failed", False),
    }
    for name, (words, wanted) in said.items():
        _overwrite(world, "policy", f"check_{name}")
        source = str(world.client.server_show(server.id).host)
        size = world.log_size(source)
        trip = world.migrate(server)
        status = sound(world, notes, trip)
        notes.expect(f"{name}: completed", status == "completed", status)
        log = world.log(source, size)
        lines = [x for x in log.splitlines() if words in x and "ERROR" in x]
        notes.expect(
            f"{name}: {'an' if wanted else 'no'} ERROR says so",
            bool(lines) is wanted,
            lines[0][-120:] if lines else "none",
        )


def _overwrite(world: World, name: str, value: str) -> None:
    """Straight into the database: the API would refuse it."""
    sql.query(
        world.site,
        "update nova_api.flavor_extra_specs set value = %s where `key` = %s",
        value,
        f"livemig_gpu:{name}",
    )


def leftovers(world: World, notes: Notes) -> None:
    """Extra specs that nobody checked, from before the plugin was here."""
    world.flavor(FLAVOR, {"livemig_gpu:max_downtime_ms": "100"})
    server = world.server(IDLE, FLAVOR)
    for value in ("1e99", "", "drei Sekunden ✓", "9" * 60, "0"):
        _overwrite(world, "max_downtime_ms", value)
        source = str(world.client.server_show(server.id).host)
        size = world.log_size(source)
        status = world.migrate(server).wait_over()
        log = world.log(source, size)
        lines = [x for x in log.splitlines() if "max_downtime_ms =" in x]
        notes.expect(
            f"{value[:16]!r}: completed, and a warning says what is right",
            status == "completed" and "2000000" in "".join(lines),
            f"{status}; {lines[0][-170:] if lines else 'no warning'}",
        )


def places(world: World, notes: Notes) -> None:
    """Neither records nor audit log can be written."""
    server = world.server(IDLE)
    source = str(server.host)
    size = world.log_size(source)
    trip = world.migrate(server)
    status = sound(world, notes, trip)
    notes.expect("completed", status == "completed", status)
    log = world.log(source, size)
    for option in ("state_dir", "audit_log"):
        lines = [x for x in log.splitlines() if option in x]
        notes.expect(
            f"the log names {option}",
            bool(lines),
            f"{len(lines)} lines; {lines[0][-200:] if lines else ''}",
        )


def full_disk(world: World, notes: Notes) -> None:
    for host in world.site.computes:
        words = ["mount", "-t", "tmpfs", "-o", "size=8k,nr_inodes=8"]
        host.run(["mkdir", "-p", FULL])
        host.run([*words, "tmpfs", FULL])
        filler = f"head -c 64k /dev/zero > {FULL}/filler"
        host.run(["bash", "-c", filler], check=False)
        world.undo.callback(host.run, ["umount", "-l", FULL], check=False)
    places(world, notes)


UNWRITABLE: Sections = {
    "livemig_gpu": {"state_dir": "/proc/nowhere", "audit_log": "/var/lib/nova"}
}
ON_FULL: Sections = {
    "livemig_gpu": {
        "state_dir": FULL,
        "audit_log": f"{FULL}/audit.log",
    }
}
TRIALS = (
    Trial(
        "broken-policy",
        "policies that raise, talk nonsense, see half the statistics",
        policies,
        stock=False,
    ),
    Trial(
        "leftovers",
        "extra specs that were never checked: 1e99, empty, words",
        leftovers,
        stock=False,
    ),
    Trial(
        "unwritable",
        "state_dir cannot be made, audit_log is a directory",
        places,
        UNWRITABLE,
        stock=False,
    ),
    Trial(
        "disk-full",
        "8 KiB for records and audit log",
        full_disk,
        ON_FULL,
        False,
    ),
)
