# SPDX-License-Identifier: Apache-2.0
"""What OpenStack stands on: MariaDB, RabbitMQ, memcached."""

import os
from pathlib import Path

from livelab import command
from livelab.cloud import broker, sql
from livelab.cloud.service import Service
from livelab.cloud.site import DATABASES, PORTS, Site
from livelab.daemons import Daemon, tcp_ready

# Debian's wrapper insists on a rabbitmq user; the script below it does not.
RABBITMQ_SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
RABBITMQ_CONF = """\
listeners.tcp.default = {port}
loopback_users = none
default_user = lab
default_pass = {password}
log.console = true
log.console.level = warning
log.console.use_colors = off
log.file = false
log.channel.level = critical
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 200MB
"""
# A lab's data need not survive the machine: speed before durability.
MARIADB_OPTIONS = (
    "--no-defaults",
    "--user=root",
    "--bind-address=0.0.0.0",
    "--max-connections=600",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-buffer-pool-size=128M",
    "--innodb-doublewrite=0",
    "--sync-binlog=0",
    "--performance-schema=0",
    "--skip-name-resolve",
    "--character-set-server=utf8mb3",
)


def mariadb(site: Site) -> Service:
    """All databases in one server, on a socket and on TCP."""
    lib = site.lib("mariadb")
    init = _write_init(site)
    socket = sql.socket_file(site)
    socket.parent.mkdir(parents=True, exist_ok=True)
    argv = ["mariadbd", *MARIADB_OPTIONS, f"--port={PORTS['mariadb']}"]
    argv += [f"--datadir={lib}/data", f"--socket={socket}"]
    argv += [f"--pid-file={lib}/pid", f"--init-file={init}"]
    daemon = Daemon(
        site.controller,
        "mariadb",
        argv,
        env={"PATH": os.environ["PATH"] + ":/usr/sbin"},
        ready=lambda: sql.query(site, "select 1") == [(1,)],
    )
    return Service(daemon, (init,))


def install_mariadb(site: Site) -> None:
    """Make the server's own tables, if there are none."""
    data = site.lib("mariadb") / "data"
    if (data / "mysql").exists():
        return
    command.run(
        [
            *["mariadb-install-db", "--no-defaults", "--user=root"],
            *[f"--datadir={data}", "--skip-test-db", "--cross-bootstrap"],
            "--auth-root-authentication-method=socket",
        ]
    )


def rabbitmq(site: Site) -> Service:
    """The message bus. What was queued does not outlive a stop."""
    conf = _write_rabbitmq_conf(site)
    daemon = Daemon(
        site.controller,
        "rabbitmq",
        [RABBITMQ_SERVER],
        env=_rabbitmq_env(site, conf),
        ready=lambda: broker.answers(site),
    )
    return Service(daemon, (conf,))


def _write_rabbitmq_conf(site: Site) -> Path:
    file = site.etc("rabbitmq") / "rabbitmq.conf"
    text = RABBITMQ_CONF.format(port=PORTS["rabbitmq"], password=site.password)
    _write_private(file, text)
    return file


def _rabbitmq_env(site: Site, conf: Path) -> dict[str, str]:
    lib = site.lib("rabbitmq")
    return {
        "HOME": str(lib),
        "RABBITMQ_NODENAME": f"rabbit@{site.controller.name}",
        "RABBITMQ_MNESIA_BASE": f"{lib}/mnesia",
        "RABBITMQ_LOG_BASE": f"{lib}/log",
        "RABBITMQ_CONFIG_FILE": str(conf),
        "RABBITMQ_ENABLED_PLUGINS_FILE": f"{lib}/enabled_plugins",
        "RABBITMQ_PID_FILE": f"{lib}/pid",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        # Makes the script become the server instead of staying beside it:
        # then the pid we know is the server's, and signals reach it.
        "RABBITMQ_ALLOW_INPUT": "1",
        "RABBITMQ_SERVER_START_ARGS": "-noinput",
        "ERL_CRASH_DUMP": f"{lib}/crash.dump",
        # One scheduler that does not spin: two cores are all there is.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none"
        ),
    }


def memcached(site: Site) -> Service:
    """Tokens and cells, cached."""
    argv = ["memcached", "-u", "root", "-m", "32"]
    argv += ["-l", site.controller.ip, "-p", str(PORTS["memcached"])]
    host, port = site.controller, PORTS["memcached"]
    daemon = Daemon(
        host, "memcached", argv, ready=lambda: tcp_ready(host, host.ip, port)
    )
    return Service(daemon)


def _write_init(site: Site) -> Path:
    """SQL that the server runs at every start: databases and the user."""
    lines = [
        f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb3;"
        for name in DATABASES
    ]
    for where in ("%", "localhost"):
        lines += [
            f"CREATE USER IF NOT EXISTS lab@'{where}' "
            f"IDENTIFIED BY '{site.password}';",
            f"GRANT ALL ON *.* TO lab@'{where}';",
        ]
    file = site.etc("mariadb") / "init.sql"
    _write_private(file, "\n".join(lines) + "\n")
    return file


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
