# SPDX-License-Identifier: Apache-2.0
"""What makes nova-compute work for a machine it does not run in."""

from livelab.cloud.ini import Sections, Value
from livelab.vfio.machine import Machine

# The parent as libvirt names it, and its first type, with which either
# module begins
PARENT = "mtty_mtty"
TYPE = "mtty-1"
# Nova looks for a device's parent among the devices of its own machine:
# nova-compute gets to see one, in the mount namespace of its host.
SYSFS = """\
[ -d /sys/devices/virtual/mtty/mtty ] || {
    mount -t tmpfs -o size=64k lab /sys/devices/virtual
    mkdir -p /sys/devices/virtual/mtty/mtty
}
"""


def sections(machine: Machine) -> Sections:
    """For the nova.conf of the compute that this machine belongs to."""
    libvirt: dict[str, Value] = {
        "connection_uri": machine.uri,
        "live_migration_inbound_addr": machine.ip,
        # MiB; these guests are small, and so are their machines
        "tb_cache_size": 32,
    }
    return {
        "libvirt": libvirt,
        "devices": {"enabled_mdev_types": TYPE},
        f"mdev_{TYPE}": {"device_addresses": PARENT},
    }
