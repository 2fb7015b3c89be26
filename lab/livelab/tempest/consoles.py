# SPDX-License-Identifier: Apache-2.0
"""Serial consoles, which one of Tempest's tests reads after a migration."""

from collections.abc import Iterator
from contextlib import contextmanager

from livelab.cloud import conf
from livelab.cloud.ini import Sections
from livelab.cloud.site import Site
from livelab.daemons import Daemon, tcp_ready

# Where Nova says by default that its proxy is.
IP, PORT = "127.0.0.1", 6083
ENABLED: Sections = {"serial_console": {"enabled": True}}


def of_host(site: Site) -> dict[str, Sections]:
    """For each compute, where the proxy finds its consoles."""
    return {
        host.name: {"serial_console": {"proxyclient_address": host.ip}}
        for host in site.computes
    }


@contextmanager
def proxy(site: Site) -> Iterator[None]:
    """nova-serialproxy beside the APIs; raises LabError."""
    daemon = Daemon(
        site.controller,
        "nova-serialproxy",
        [
            f"{site.venv}/bin/nova-serialproxy",
            *("--config-file", str(conf.nova_file(site))),
        ],
        env=site.program_env,
        ready=lambda: tcp_ready(site.controller, IP, PORT),
    )
    daemon.start()
    try:
        daemon.wait_ready()
        yield
    finally:
        daemon.stop()
