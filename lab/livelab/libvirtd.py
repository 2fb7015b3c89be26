# SPDX-License-Identifier: Apache-2.0
"""A libvirtd of its own for each hypervisor of the lab."""

import uuid

from livelab import mounts
from livelab.daemons import Daemon, tcp_ready
from livelab.hosts import Host

PORT = 16509

# A bare daemon, reachable by TCP without a password: only the lab's own
# network leads to it.
LIBVIRTD_CONF = """\
listen_tls = 0
listen_tcp = 1
auth_tcp = "none"
tcp_port = "{port}"
listen_addr = "{ip}"
unix_sock_dir = "/run/libvirt"
auth_unix_rw = "none"
auth_unix_ro = "none"
host_uuid = "{uuid}"
log_outputs = "2:file:/var/log/libvirt/libvirtd.log"
max_clients = 100
"""

# Root and no confinement: the machine may be a container, and neither
# cgroups nor security labels are what is under test. No virtlogd runs, so
# QEMU writes the consoles itself.
QEMU_CONF = """\
user = "root"
group = "root"
security_driver = "none"
stdio_handler = "file"
namespaces = []
cgroup_controllers = []
remember_owner = 0
max_core = 0
migration_address = "{ip}"
migration_host = "{ip}"
"""
# Otherwise libvirt takes the bind mount for a local directory, and calls
# the migration unsafe.
SHARED_CONF = f'shared_filesystems = [ "{mounts.INSTANCES}" ]\n'


class Libvirtd:
    """libvirtd on one host: configure, start, stop."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.daemon = Daemon(
            host,
            f"libvirtd-{host.name}",
            # Its default pid file lies in /run, which hosts share.
            ["libvirtd", "--listen", "--pid-file", "/run/libvirt/daemon.pid"],
            ready=lambda: tcp_ready(host, host.ip, PORT),
        )

    @property
    def uri(self) -> str:
        """The connection for whoever is inside the lab."""
        return f"qemu+tcp://{self.host.ip}/system"

    @property
    def socket_uri(self) -> str:
        """The same for whoever is on the machine, outside the lab."""
        socket = self.host.dir / "run-libvirt" / "libvirt-sock"
        return f"qemu+unix:///system?socket={socket}"

    def configure(self) -> None:
        """Write libvirtd.conf and qemu.conf."""
        etc = self.host.dir / "etc-libvirt"
        identity = uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.host.name}.livelab")
        text = LIBVIRTD_CONF.format(port=PORT, ip=self.host.ip, uuid=identity)
        (etc / "libvirtd.conf").write_text(text)
        shared = SHARED_CONF if self.host.shared_instances else ""
        text = QEMU_CONF.format(ip=self.host.ip) + shared
        (etc / "qemu.conf").write_text(text)

    def start(self) -> None:
        """Configure and start; no-op while it runs. Raises LabError."""
        if self.daemon.running():
            return
        self.configure()
        for place in ("lib-libvirt", "log-libvirt"):
            (self.host.dir / place / "qemu").mkdir(exist_ok=True)
        self.daemon.start()

    def wait_ready(self, timeout: float = 60) -> None:
        """Wait until it takes connections; raises LabError."""
        self.daemon.wait_ready(timeout)

    def stop(self) -> None:
        """Stop the daemon; its guests go on.

        Now and then it does not end by itself, waiting for its watcher of
        devices; it keeps nothing in memory that is not on disk as well.
        """
        self.daemon.stop(timeout=5)
