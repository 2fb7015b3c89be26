# SPDX-License-Identifier: Apache-2.0
"""More compute hosts, without a hypervisor: Nova's fake driver.

They run beside the APIs in the controller, and have a lot of memory, so
that Nova's own weighers like them best.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from livelab.cloud import conf_nova, database, ini, mode, services
from livelab.cloud.rest import Rest
from livelab.cloud.service import Service
from livelab.cloud.site import Site
from livelab.daemons import Daemon

HERE = Path(__file__).parents[1] / "fakehost"
DRIVER = "livelab_fake.GpuHost"


class Fakes:
    """Some fake computes, by name, each with an environment of its own."""

    def __init__(
        self, site: Site, rest: Rest, env: Mapping[str, Mapping[str, str]]
    ) -> None:
        self._site = site
        self._rest = rest
        self._services = {
            name: _service(site, name, more) for name, more in env.items()
        }

    def start(self) -> None:
        """Start them all and make them known to Nova's cell."""
        running: Sequence[Service] = list(self._services.values())
        for service in running:
            service.ensure()
        services.wait(running)
        database.discover_hosts(self._site)

    def stop(self) -> None:
        """Stop them, and let Nova and Placement forget them."""
        services.stop(list(self._services.values()))
        path = "/os-services"
        found = self._rest.get("nova-api", f"{path}?binary=nova-compute")
        for one in found["services"]:
            if one["host"] in self._services:
                self._rest.call("DELETE", "nova-api", f"{path}/{one['id']}")
        for name in self._services:
            shutil.rmtree(_state(self._site, name), ignore_errors=True)

    def log(self, name: str) -> str:
        """What one of them wrote since it was started."""
        return self._services[name].log_text()


def _state(site: Site, name: str) -> Path:
    return site.lib("fake-computes") / name


def _service(site: Site, name: str, env: Mapping[str, str]) -> Service:
    file = site.etc("nova") / f"{name}.conf"
    wanted = mode.load(site.state)
    _state(site, name).mkdir(exist_ok=True)
    ini.write(file, conf_nova.fake_compute(site, wanted, name, DRIVER))
    daemon = Daemon(
        site.controller,
        f"nova-{name}",
        [
            f"{site.venv}/bin/python",
            str(HERE / "run.py"),
            *("--config-file", str(file)),
        ],
        env={**site.program_env, **env},
        ready=lambda: services.serving(site, name, "compute", daemon.pid_file),
    )
    return Service(daemon, (file,))
