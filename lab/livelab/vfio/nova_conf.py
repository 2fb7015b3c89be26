# SPDX-License-Identifier: Apache-2.0
"""What makes nova-compute work for a machine it does not run in."""

from livelab.cloud.ini import Sections, Value
from livelab.vfio.machine import Machine

# The parent as libvirt names it, and its first type, with which either
# module begins
PARENT = "mtty_mtty"
TYPE = "mtty-1"
# Nova looks for a device's parent among the devices of its own machine, and
# this project for its types in sysfs: nova-compute gets to see them, in the
# mount namespace of its host. So with the terminal that is a guest's console,
# without which Nova does not read the console's log.
SYSFS = """\
virtual=/sys/devices/virtual parent=mtty/mtty
[ -d $virtual/$parent ] || {
    mount -t tmpfs -o size=64k lab $virtual
    mkdir -p $virtual/$parent
}
[ -d /sys/class/mdev_bus ] || {
    mkdir -p /run/lab-class-net
    mount --bind /sys/class/net /run/lab-class-net
    mount -t tmpfs -o size=64k lab /sys/class
    mkdir -p /sys/class/mdev_bus /sys/class/net
    mount --move /run/lab-class-net /sys/class/net
    ln -s ../../devices/virtual/$parent /sys/class/mdev_bus/mtty
}
base64 -d | tar -x -C $virtual/$parent
[ "$(stat -f -c %T /dev/pts)" = tmpfs ] || {
    mount -t tmpfs -o size=64k lab /dev/pts
    touch $(seq -f /dev/pts/%g 0 31)
}
"""
# Of each type: what a device of it is, and how many more there can be
TYPES = """\
cd /sys/class/mdev_bus/mtty && mkdir -p /run/types && cp --parents -r \
    mdev_supported_types/*/{name,description,available_instances} /run/types \
    2>/dev/null
tar -c -C /run/types . | base64
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
