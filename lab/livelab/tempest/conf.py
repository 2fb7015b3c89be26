# SPDX-License-Identifier: Apache-2.0
"""tempest.conf for the lab's cloud."""

from pathlib import Path

from livelab.cloud import hypervisors, ini
from livelab.cloud.client import Client
from livelab.cloud.ini import Sections, Value
from livelab.cloud.site import REGION, Site
from livelab.tempest import device
from livelab.vfio import contents

# MiB rewritten, MiB/s
QUIET, BUSY = (16, 2), (64, 60)
ROLES = "admin,manager,member,reader,service"


def write(client: Client, folder: Path, more: Sections) -> Path:
    """Write the file, and what tells stestr where Tempest's tests are.

    :param more: laid over it
    """
    of_hosts = _vgpus(client) if vfio(client.site) else _plain(client)
    sections = ini.merge(_cloud(client, folder), _features(), of_hosts, more)
    file = folder / "tempest.conf"
    ini.write(file, sections)
    return file


def vfio(site: Site) -> bool:
    """Whether its servers have vGPUs."""
    return hypervisors.of(site).kind == "vfio"


def _plain(client: Client) -> Sections:
    return {
        "compute": _servers(
            client, client.workload_image(*QUIET), "t256", "t512"
        ),
        "livemig_gpu": {
            "busy_image_ref": client.workload_image(*BUSY),
            "booted_pattern": "HB t=",
        },
    }


def _vgpus(client: Client) -> Sections:
    image = contents.image(client.rest, contents.QUIET)
    return {
        "compute": {
            **_servers(client, image, "v64", "v128"),
            # Emulated on emulated hosts
            "build_timeout": 300,
        },
        "livemig_gpu": {
            "vgpu_resources": "VGPU:1",
            "booted_pattern": "R",
            "vgpu_data_command": device.command(client.site),
            "migration_timeout_s": 300,
        },
    }


def _servers(
    client: Client, image: str, small: str, large: str
) -> dict[str, Value]:
    listed = client.rest.get("nova-api", "/flavors")["flavors"]
    flavors = {each["name"]: each["id"] for each in listed}
    return {
        "image_ref": image,
        "image_ref_alt": image,
        "flavor_ref": flavors[small],
        "flavor_ref_alt": flavors[large],
    }


def _cloud(client: Client, folder: Path) -> Sections:
    site = client.site
    return {
        "DEFAULT": {"log_file": folder / "tempest.log"},
        "oslo_concurrency": {"lock_path": folder / "lock"},
        "auth": {
            "admin_username": "admin",
            "admin_project_name": "admin",
            "admin_domain_name": "Default",
            "admin_password": site.password,
            # Neutron has no agents: servers have no network
            "create_isolated_networks": False,
        },
        "identity": {
            "uri_v3": site.url("keystone") + "/v3",
            "auth_version": "v3",
            "v3_endpoint_type": "public",
            "region": REGION,
        },
        "compute": {
            "min_compute_nodes": len(site.computes),
            "max_microversion": "latest",
            "build_interval": 1,
            "build_timeout": 120,
        },
        "livemig_gpu": {"records": _records(site)},
    }


def _features() -> Sections:
    """What the lab has; what it lacks makes tests skip."""
    return {
        "service_available": {"cinder": False, "swift": False},
        "compute-feature-enabled": {
            "live_migration": True,
            "block_migration_for_live_migration": True,
            # Its test types commands, and asks the console without end
            # for the answer: the lab's guests have no shell.
            "serial_console": False,
            "scheduler_enabled_filters": "DifferentHostFilter",
            "vnc_console": False,
            "nova_policy_roles": ROLES,
        },
        # Nova 34's own default
        "enforce_scope": {"nova": True},
        "network-feature-enabled": {"api_extensions": ""},
        "validation": {"run_validation": False},
        "livemig_gpu": {
            "postcopy": True,
            # Emulated guests on two busy cores
            "max_downtime_ms": 500,
            "slow_bandwidth_mbps": 8,
        },
    }


def _records(site: Site) -> str:
    return ",".join(
        f"{host.name}:{host.dir}/nova/livemig_gpu/records"
        for host in site.computes
    )
