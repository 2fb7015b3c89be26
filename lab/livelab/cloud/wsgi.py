# SPDX-License-Identifier: Apache-2.0
"""OpenStack APIs under gunicorn: pure Python, nothing to compile."""

import http.client
from collections.abc import Mapping
from pathlib import Path

from livelab.cloud import inside
from livelab.cloud.service import Service
from livelab.cloud.site import PORTS, Site
from livelab.daemons import Daemon

SETTINGS = """\
wsgi_app = "{module}:application"
bind = ["{ip}:{port}"]
worker_class = "gthread"
workers = 1
threads = 4
timeout = 300
graceful_timeout = 2
keepalive = 75
worker_tmp_dir = "/dev/shm"
control_socket_disable = True
"""


def api(
    site: Site,
    name: str,
    module: str,
    env: Mapping[str, str],
    files: tuple[Path, ...],
) -> Service:
    """The service that runs one API in the controller."""
    settings = site.etc("gunicorn") / f"{name}.py"
    settings.write_text(
        SETTINGS.format(module=module, ip=site.controller.ip, port=PORTS[name])
    )
    daemon = Daemon(
        site.controller,
        name,
        # No arguments: the applications would take them for their own.
        [f"{site.venv}/bin/gunicorn"],
        env={
            **site.program_env,
            **env,
            "GUNICORN_CMD_ARGS": f"--config {settings}",
        },
        ready=lambda: answers(site, PORTS[name]),
    )
    return Service(daemon, (settings, *files))


def answers(site: Site, port: int) -> bool:
    """Whether GET / is answered without an error of the server.

    gunicorn takes connections before the application is loaded, so an
    open port says nothing.
    """
    return inside.call(site.controller, lambda: _status(site, port)) < 500


def _status(site: Site, port: int) -> int:
    connection = http.client.HTTPConnection(
        site.controller.ip, port, timeout=10
    )
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()
