# SPDX-License-Identifier: Apache-2.0
"""Write every configuration file of the cloud."""

from pathlib import Path

from livelab.cloud import conf_apis, conf_nova, ini
from livelab.cloud.mode import Mode
from livelab.cloud.site import Site
from livelab.hosts import Host


def write_all(site: Site, mode: Mode) -> None:
    """Write all files; the same facts give the same bytes."""
    ini.write(keystone_file(site), conf_apis.keystone(site))
    ini.write(placement_file(site), conf_apis.placement(site))
    ini.write(glance_file(site), conf_apis.glance(site))
    ini.write(neutron_file(site), conf_apis.neutron(site))
    write_nova(site, mode)


def write_nova(site: Site, mode: Mode) -> None:
    """Write Nova's files: the ones that a mode changes."""
    ini.write(nova_file(site), conf_nova.controller(site, mode))
    for host in site.computes:
        sections = conf_nova.compute(site, host, mode)
        ini.write(compute_file(site, host), sections)


def keystone_file(site: Site) -> Path:
    return site.etc("keystone") / "keystone.conf"


def placement_file(site: Site) -> Path:
    return site.etc("placement") / "placement.conf"


def glance_file(site: Site) -> Path:
    return site.etc("glance") / "glance-api.conf"


def neutron_file(site: Site) -> Path:
    return site.etc("neutron") / "neutron.conf"


def nova_file(site: Site) -> Path:
    return site.etc("nova") / "nova.conf"


def compute_file(site: Site, host: Host) -> Path:
    return site.etc("nova") / f"{host.name}.conf"
