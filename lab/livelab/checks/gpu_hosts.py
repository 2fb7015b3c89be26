# SPDX-License-Identifier: Apache-2.0
"""Hosts with GPUs that are not there, and a server that seems to have one.

The computes and some fake ones beside them run with the tests' stand-in for
NVML. A resource class of the lab's own stands for the vGPU in Placement; in
NVML the server has one where the description of its host says so.
"""

import copy
import json
import os
import runpy
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livelab.checks.world import BASE, IDLE, World
from livelab.cloud import computes, mode, sql
from livelab.cloud.fakes import Fakes
from livelab.cloud.ini import Sections, merge
from livelab.cloud.mode import Mode
from livelab.cloud.records import Server
from livelab.cloud.site import Site
from nova_livemig_gpu.facts import codec
from nova_livemig_gpu.model import HostFacts

VGPU = "CUSTOM_LIVEMIG_VGPU"
STAND_IN = Path(__file__).parents[3] / "tests" / "nvml" / "stand_in.py"
CLASSES = f"VGPU,{VGPU}"
PACKAGE = "nova_livemig_gpu.scheduler"
FILTERS = (
    f"{PACKAGE}.cpu_filter.CPUCompatibilityFilter",
    f"{PACKAGE}.vgpu_filter.VGPUCompatibilityFilter",
)
CONTROLLER: Sections = {
    "filter_scheduler": {
        "available_filters": ["nova.scheduler.filters.all_filters", *FILTERS],
        "enabled_filters": ",".join(
            [
                "ComputeFilter",
                "ImagePropertiesFilter",
                *(path.rpartition(".")[2] for path in FILTERS),
            ]
        ),
    },
}
# Stricter than NVML: what a trial wants to have refused before NVML is asked.
STRICT: Sections = {
    "livemig_gpu": {
        "driver_match": "equal",
        "board_match": "part",
        "gpu_mode_match": "equal",
    },
}
OPTIONS: Sections = {
    # The first audit comes after the delay, which is random up to a minute.
    "DEFAULT": {"update_resources_interval": 3, "periodic_fuzzy_delay": 1},
    "livemig_gpu": {
        "vgpu_resource_classes": CLASSES,
        "exact_check_timeout_s": 3,
    },
}
PROVIDERS = f"""\
meta:
  schema_version: "1.0"
providers:
  - identification:
      uuid: $COMPUTE_NODE
    inventories:
      additional:
        - {VGPU}:
            total: 4
            reserved: 0
            min_unit: 1
            max_unit: 4
            step_size: 1
            allocation_ratio: 1.0
"""
Change = Mapping[str, Mapping[str, Any]]


def prepare(world: World) -> None:
    """Run scheduler and computes as the trials with GPUs want it."""
    for host in world.site.computes:
        # Not what a trial that was broken off has left.
        describe(world.site, host.name)
    configure(world)


def configure(
    world: World,
    options: Sections | None = None,
    of_host: Mapping[str, Sections] | None = None,
    env: Mapping[str, Mapping[str, str]] | None = None,
    strict: bool = True,
) -> None:
    """The same with other options, of all computes or of some.

    :param env: added to the environment of a host's compute
    :param strict: the scheduler leaves nothing to NVML; the computes do
    """
    site = world.site
    more = env or {}
    hosts = [host.name for host in site.computes]
    wanted = Mode(
        world.driver,
        merge(BASE, OPTIONS, _providers(site), options or {}),
        merge(CONTROLLER, STRICT) if strict else CONTROLLER,
        of_host or {},
        {h: {**environment(site, h), **more.get(h, {})} for h in hosts},
    )
    if mode.load(site.state) != wanted:
        world.say("configure scheduler and computes")
        computes.use(wanted, site=site)


def environment(site: Site, host: str) -> dict[str, str]:
    """What a compute needs to see the GPUs of a description."""
    folder = site.lib("nvml")
    stand_in = _stand_in()
    if not (folder / stand_in["LIBRARY"]).exists():
        stand_in["build"](folder)
    found: dict[str, str] = stand_in["environment"](
        folder, _description(site, host)
    )
    return found


def describe(
    site: Site, host: str, change: Change | None = None, server: str = ""
) -> dict[str, Any]:
    """Write what NVML tells on a host from now on, and return it.

    :param change: laid over the description: host, gpu
    :param server: has a vGPU there
    """
    known = tomllib.loads((Path(__file__).parent / "gpus.toml").read_text())
    told: dict[str, Any] = copy.deepcopy(known["base"])
    for more in (known["hosts"].get(host, {}), change or {}):
        told.update(more.get("host", {}))
        told["gpu"][0].update(more.get("gpu", {}))
    if server:
        vgpu: dict[str, Any] = {
            "id": 7,
            "type": 1131,
            "vm_id": server,
            "guest_known": 1,
        }
        vgpu |= {"guest_version": 0x15, "metadata_bytes": 900}
        told["gpu"][0]["vgpu"] = [vgpu]
    file = _description(site, host)
    new = file.with_suffix(".new")
    new.write_text(_stand_in()["describe"](told))
    # At once: a compute may be reading it.
    os.replace(new, file)
    return told


def _description(site: Site, host: str) -> Path:
    return site.lib("nvml") / f"{host}.host"


def _stand_in() -> dict[str, Any]:
    return runpy.run_path(str(STAND_IN))


def _providers(site: Site) -> Sections:
    folder = site.etc("providers")
    (folder / "vgpu.yaml").write_text(PROVIDERS)
    return {"compute": {"provider_config_location": str(folder)}}


class GpuCloud:
    """A server with a vGPU on one of the two real hosts, and fake hosts.

    :ivar source: the server's host
    :ivar other: the only other host that a server can really go to
    """

    FAKES = ("gpu-board", "gpu-driver", "gpu-ecc")

    def __init__(self, world: World) -> None:
        self.world = world
        self.site = world.site
        specs = {f"resources:{VGPU}": "1"}
        flavor = world.flavor("gpu256", specs)
        self.server: Server = world.server(IDLE, flavor)
        # Nova does not start where a resource class in use is not offered.
        world.undo.callback(world.client.server_delete, self.server.id)
        self.source = self.server.host or ""
        self.other = world.other(self.source).name
        self.fakes: Fakes | None = None
        self.told: dict[str, dict[str, Any]] = {}

    def set(self, **changes: Change) -> None:
        """Describe all hosts, those named with a change; wait until Nova
        knows. A dash is written as an underscore."""
        self.describe(**changes)
        if self.fakes is None:
            self._start()
        world = self.world
        world.wait(lambda: all(map(self._published, self.told)), "facts", 60)

    def describe(self, **changes: Change) -> None:
        """The same without waiting, and without fake hosts."""
        named = {key.replace("_", "-"): v for key, v in changes.items()}
        self.world.say("describe the hosts' GPUs")
        for host in (self.source, self.other, *self.FAKES):
            change = named.get(host) or named.get(self._role(host))
            server = self.server.id if host == self.source else ""
            self.told[host] = describe(self.site, host, change, server)

    def _role(self, host: str) -> str:
        return {self.source: "source", self.other: "other"}.get(host, "")

    def _start(self) -> None:
        self.world.say("start fake computes")
        env = {host: environment(self.site, host) for host in self.FAKES}
        self.fakes = Fakes(self.site, self.world.client.rest, env)
        self.world.undo.callback(self.fakes.stop)
        self.fakes.start()

    def _published(self, host: str) -> bool:
        """Whether Nova's database knows what NVML tells on a host."""
        facts, told = self.facts(host), self.told[host]
        if facts is None or not facts.gpus:
            return False
        (gpu,), (wanted,) = facts.gpus, told["gpu"]
        servers = [each.server for each in facts.active or ()]
        return (gpu.driver, gpu.board, gpu.ecc, gpu.name, servers) == (
            told["driver"],
            wanted["part"],
            bool(wanted["ecc"]),
            wanted["name"],
            [each["vm_id"] for each in wanted.get("vgpu", ())],
        )

    def facts(self, host: str) -> HostFacts | None:
        """What Nova's database knows of a host."""
        rows = sql.query(
            self.site,
            "select stats from nova.compute_nodes "
            "where host = %s and deleted = 0",
            host,
        )
        return codec.decode(json.loads(rows[0][0])) if rows else None
