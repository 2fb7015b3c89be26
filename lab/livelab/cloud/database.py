# SPDX-License-Identifier: Apache-2.0
"""Schemas and first contents of the databases: once per life of the lab."""

from pathlib import Path

from livelab import paths
from livelab.cloud import conf
from livelab.cloud.site import REGION, Site
from livelab.errors import LabError


def synced(site: Site) -> bool:
    """Whether everything below was done."""
    return _stamp(site).exists()


def mark_synced(site: Site) -> None:
    """Remember it; kept and removed together with the databases."""
    _stamp(site).write_text("")


def sync_keystone(site: Site) -> None:
    """Schema, keys, the admin user and Keystone's own endpoint."""
    manage = ["keystone-manage", "--config-file"]
    manage.append(str(conf.keystone_file(site)))
    user = ["--keystone-user", "root", "--keystone-group", "root"]
    url = site.url("keystone") + "/v3"
    _run(site, "keystone-db", [*manage, "db_sync"])
    _run(site, "keystone-fernet", [*manage, "fernet_setup", *user])
    _run(site, "keystone-credential", [*manage, "credential_setup", *user])
    _run(
        site,
        "keystone-bootstrap",
        [
            *[*manage, "bootstrap", "--bootstrap-region-id", REGION],
            *["--bootstrap-admin-url", url],
            *["--bootstrap-internal-url", url],
            *["--bootstrap-public-url", url],
        ],
        {"OS_BOOTSTRAP_PASSWORD": site.password},
    )


def sync_glance(site: Site) -> None:
    """Glance's schema."""
    file = str(conf.glance_file(site))
    _run(
        site, "glance-db", ["glance-manage", "--config-file", file, "db_sync"]
    )


def sync_placement(site: Site) -> None:
    """Placement's schema."""
    directory = str(site.etc("placement"))
    argv = ["placement-manage", "--config-dir", directory, "db", "sync"]
    _run(site, "placement-db", argv)


def sync_neutron(site: Site) -> None:
    """Neutron's schema."""
    file = str(conf.neutron_file(site))
    argv = ["neutron-db-manage", "--config-file", file, "upgrade", "heads"]
    _run(site, "neutron-db", argv)


def sync_nova(site: Site) -> None:
    """Nova's schemas; cell0 for what was never scheduled, cell1 for all."""
    cell0 = ["--database_connection", site.database_url("nova_cell0")]
    _nova(site, "nova-api-db", ["api_db", "sync"])
    _nova(site, "nova-cell0", ["cell_v2", "map_cell0", *cell0])
    _nova(site, "nova-db", ["db", "sync"])
    _nova(site, "nova-cell1", ["cell_v2", "create_cell", "--name", "cell1"])


def discover_hosts(site: Site) -> None:
    """Map the computes into cell1."""
    _nova(site, "nova-hosts", ["cell_v2", "discover_hosts"])


def _nova(site: Site, name: str, words: list[str]) -> None:
    file = str(conf.nova_file(site))
    _run(site, name, ["nova-manage", "--config-file", file, *words])


def _run(
    site: Site,
    name: str,
    argv: list[str],
    env: dict[str, str] | None = None,
) -> None:
    """Run one command in the controller, its words in a log of its own."""
    log = paths.log_dir(site.state) / f"{name}.log"
    done = site.controller.run(
        [f"{site.venv}/bin/{argv[0]}", *argv[1:]],
        check=False,
        env={**site.program_env, **(env or {})},
    )
    log.write_text(done.stdout + done.stderr)
    if done.returncode:
        tail = "".join(f"\n  {line}" for line in _tail(log))
        raise LabError(f"{name}: exit code {done.returncode}; {log}:{tail}")


def _tail(log: Path) -> list[str]:
    return log.read_text().splitlines()[-20:]


def _stamp(site: Site) -> Path:
    return site.lib("mariadb") / "synced"
