# SPDX-License-Identifier: Apache-2.0
"""Mediated devices of a machine, through sysfs."""

import shlex
import uuid
import xml.etree.ElementTree as ElementTree

import libvirt

from livelab.errors import LabError
from livelab.vfio.machine import Machine

# The parent's name, the same for the sample and the lab's own module: it is
# the one virtual parent that Nova accepts.
PARENT = "/sys/class/mdev_bus/mtty"


def types(machine: Machine) -> list[str]:
    """The types the machine's parent has, for instance mtty-1."""
    said = machine.run(f"ls {PARENT}/mdev_supported_types 2>/dev/null || :")
    return said.split()


def create(machine: Machine, kind: str, device: str | None = None) -> str:
    """Make a device; its UUID. Raises LabError."""
    device = device or str(uuid.uuid4())
    place = f"{PARENT}/mdev_supported_types/{shlex.quote(kind)}/create"
    machine.run(f"echo {shlex.quote(device)} >{place}")
    return device


def remove(machine: Machine, device: str) -> None:
    """Take a device away, if it is there. Raises LabError if it is in use."""
    place = f"/sys/bus/mdev/devices/{shlex.quote(device)}/remove"
    machine.run(f"[ ! -e {place} ] || echo 1 >{place}")


def all_of(machine: Machine) -> list[str]:
    """The UUIDs of the machine's devices."""
    return machine.run("ls /sys/bus/mdev/devices 2>/dev/null || :").split()


def of(domain: libvirt.virDomain) -> str:
    """The UUID of a domain's first device. Raises LabError: it has none."""
    tree = ElementTree.fromstring(domain.XMLDesc())
    found = tree.find(".//hostdev[@type='mdev']/source/address")
    if found is None:
        raise LabError(f"{domain.name()}: no mediated device")
    return found.attrib["uuid"]


def clean(machine: Machine) -> list[str]:
    """Remove the devices that no domain has; their UUIDs.

    A device stays where it is after a migration to it has failed, and takes
    no second one: it is still half way into the first. libvirt is asked, so
    that it does not believe in them a while longer.
    """
    connection = machine.connect()
    try:
        used = _used(connection)
        for node in connection.listAllDevices(
            libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_MDEV
        ):
            if _uuid(node) in used:
                continue
            if node.isActive():
                node.destroy()
            if node.isPersistent():
                node.undefine()
    finally:
        connection.close()
    unused = [each for each in all_of(machine) if each not in used]
    for device in unused:
        remove(machine, device)
    return unused


def _used(connection: libvirt.virConnect) -> set[str]:
    sources = ".//hostdev/source/address[@uuid]"
    return {
        source.attrib["uuid"]
        for domain in connection.listAllDomains()
        for source in ElementTree.fromstring(domain.XMLDesc()).iterfind(
            sources
        )
    }


def _uuid(node: libvirt.virNodeDevice) -> str | None:
    tree = ElementTree.fromstring(node.XMLDesc())
    return tree.findtext("./capability/uuid")
