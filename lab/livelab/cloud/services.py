# SPDX-License-Identifier: Apache-2.0
"""The cloud's services: what runs where, with which files."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from livelab.cloud import broker, conf, hypervisors, infra, mode, sql, wsgi
from livelab.cloud.service import Service
from livelab.cloud.site import Site
from livelab.daemons import Daemon
from livelab.hosts import Host


def apis(site: Site) -> list[Service]:
    """Keystone, Placement, Glance, Neutron, Nova: in order of need."""
    return [
        keystone(site),
        wsgi.api(
            site,
            "placement",
            "placement.wsgi.api",
            {"OS_PLACEMENT_CONFIG_DIR": str(site.etc("placement"))},
            (conf.placement_file(site),),
        ),
        wsgi.api(
            site,
            "glance",
            "glance.wsgi.api",
            {"OS_GLANCE_CONFIG_DIR": str(site.etc("glance"))},
            (conf.glance_file(site),),
        ),
        wsgi.api(
            site,
            "neutron",
            "neutron.wsgi.api",
            {"OS_NEUTRON_CONFIG_FILES": str(conf.neutron_file(site))},
            (conf.neutron_file(site),),
        ),
        nova_api(site),
    ]


def keystone(site: Site) -> Service:
    """Identity: everybody else asks it."""
    file = conf.keystone_file(site)
    env = {
        "OS_KEYSTONE_CONFIG_DIR": str(file.parent),
        "OS_KEYSTONE_CONFIG_FILES": file.name,
    }
    return wsgi.api(site, "keystone", "keystone.wsgi.api", env, (file,))


def nova_api(site: Site) -> Service:
    """The compute API."""
    paste = site.venv / "etc" / "nova" / "api-paste.ini"
    files = f"{paste};{conf.nova_file(site)}"
    return wsgi.api(
        site,
        "nova-api",
        "nova.wsgi.osapi_compute",
        {"OS_NOVA_CONFIG_FILES": files},
        (conf.nova_file(site),),
    )


def nova_controllers(site: Site) -> list[Service]:
    """The two that take messages only."""
    return [
        _nova(site, site.controller, name, f"nova-{name}", name)
        for name in ("conductor", "scheduler")
    ]


def nova_computes(site: Site) -> list[Service]:
    """One on each hypervisor."""
    return [
        _nova(site, host, "compute", f"nova-{host.name}", "compute")
        for host in site.computes
    ]


def everything(site: Site) -> list[Service]:
    """All services, in the order they are started."""
    bases = [infra.mariadb(site), infra.rabbitmq(site), infra.memcached(site)]
    return [
        *bases,
        *hypervisors.of(site).services(),
        *apis(site),
        *nova_controllers(site),
        *nova_computes(site),
    ]


def wait(services: Sequence[Service], timeout: float = 120) -> None:
    """Wait for all of them at once; the first that fails is raised."""
    with ThreadPoolExecutor(len(services) or 1) as pool:
        for done in [
            pool.submit(service.daemon.wait_ready, timeout)
            for service in services
        ]:
            done.result()


def stop(services: Sequence[Service]) -> None:
    """Stop all of them at once."""
    with ThreadPoolExecutor(len(services)) as pool:
        list(pool.map(Service.stop, services))


def _nova(
    site: Site, host: Host, program: str, name: str, topic: str
) -> Service:
    file = (
        conf.nova_file(site)
        if host is site.controller
        else conf.compute_file(site, host)
    )
    more = mode.load(site.state).env
    daemon = Daemon(
        host,
        name,
        [f"{site.venv}/bin/nova-{program}", "--config-file", str(file)],
        env={**site.program_env, **more.get(host.name, {})},
        ready=lambda: serving(site, host.name, topic, daemon.pid_file),
    )
    return Service(daemon, (file,))


def serving(site: Site, name: str, topic: str, pid_file: Path) -> bool:
    """Whether it takes messages, and Nova's database calls it up.

    A compute reports only after its start, in which it takes servers that
    migrate for left-overs of a crash. The broker and the database believe a
    while longer in the process before it, so that only a report after this
    process was started counts.
    """
    if not broker.consumers(site, f"{topic}.{name}"):
        return False
    if topic != "compute":
        return True
    if not pid_file.exists():
        return False
    rows = sql.query(
        site,
        "select s.disabled or s.forced_down from nova.services s "
        "join nova.compute_nodes n on n.host = s.host and n.deleted = 0 "
        "where s.host = %s and s.`binary` = 'nova-compute' "
        "and s.deleted = 0 and s.last_seen_up > %s",
        name,
        _started(pid_file),
    )
    return rows == [(0,)]


def _started(pid_file: Path) -> str:
    """When the process was started, UTC, as the database writes it."""
    when = datetime.fromtimestamp(pid_file.stat().st_mtime, UTC)
    return when.strftime("%Y-%m-%d %H:%M:%S")
