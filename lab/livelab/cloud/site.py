# SPDX-License-Identifier: Apache-2.0
"""The facts all parts of the cloud share: hosts, ports, password, places."""

import os
import secrets
import sys
from functools import cached_property
from pathlib import Path

from livelab import paths
from livelab.hosts import COMPUTE1, COMPUTE2, CONTROLLER, Host, Network

REGION = "RegionOne"
# Only databases that exist are worth keeping: see down.
DATABASES = (
    "keystone",
    "glance",
    "placement",
    "neutron",
    "nova_api",
    "nova_cell0",
    "nova",
)
PORTS = {
    "mariadb": 3306,
    "rabbitmq": 5672,
    "memcached": 11211,
    "keystone": 5000,
    "placement": 8778,
    "glance": 9292,
    "neutron": 9696,
    "nova-api": 8774,
}
# Some years of microversions below the newest: what operators' scripts use
COMPUTE_API_VERSION = "2.95"


class Site:
    """One cloud under one state directory."""

    def __init__(self, state: Path | None = None) -> None:
        self.state = state or paths.state_dir()

    @cached_property
    def network(self) -> Network:
        return Network(state=self.state)

    @property
    def controller(self) -> Host:
        return self.network[CONTROLLER.name]

    @property
    def computes(self) -> tuple[Host, Host]:
        return self.network[COMPUTE1.name], self.network[COMPUTE2.name]

    @cached_property
    def password(self) -> str:
        """The lab's one password, made when first asked for."""
        file = self.state / "password"
        if not file.exists():
            self.state.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "w") as out:
                out.write(secrets.token_hex(12) + "\n")
        return file.read_text().strip()

    @property
    def venv(self) -> Path:
        """Where the services' programs and paste files are."""
        return Path(sys.prefix)

    def etc(self, service: str) -> Path:
        """The configuration directory of one service."""
        path = paths.etc_dir(self.state) / service
        path.mkdir(exist_ok=True)
        return path

    def lib(self, service: str) -> Path:
        """What a service keeps: databases, images, queues."""
        path = self.state / "lib" / service
        path.mkdir(parents=True, exist_ok=True)
        return path

    def url(self, service: str) -> str:
        """Where an API answers."""
        return f"http://{CONTROLLER.ip}:{PORTS[service]}"

    def database_url(self, name: str) -> str:
        """The connection string of one database."""
        where = f"{CONTROLLER.ip}:{PORTS['mariadb']}"
        return f"mysql+pymysql://lab:{self.password}@{where}/{name}"

    @property
    def transport_url(self) -> str:
        """The connection string of the message bus."""
        where = f"{CONTROLLER.ip}:{PORTS['rabbitmq']}"
        return f"rabbit://lab:{self.password}@{where}/"

    @property
    def program_env(self) -> dict[str, str]:
        """For every program of the cloud: our venv first, UTF-8."""
        return {
            "PATH": f"{self.venv}/bin:{os.environ.get('PATH', '')}",
            "PYTHONPATH": "",
            "LC_ALL": "C.UTF-8",
            "HOME": os.environ.get("HOME", "/root"),
        }

    @property
    def admin_env(self) -> dict[str, str]:
        """What the openstack client wants to know."""
        return {
            **self.program_env,
            "OS_AUTH_URL": self.url("keystone") + "/v3",
            "OS_USERNAME": "admin",
            "OS_PASSWORD": self.password,
            "OS_PROJECT_NAME": "admin",
            "OS_USER_DOMAIN_ID": "default",
            "OS_PROJECT_DOMAIN_ID": "default",
            "OS_REGION_NAME": REGION,
            "OS_IDENTITY_API_VERSION": "3",
            "OS_COMPUTE_API_VERSION": COMPUTE_API_VERSION,
        }
