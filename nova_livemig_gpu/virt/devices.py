"""VFIO devices of a guest, read from its domain XML.

A vGPU is an mdev, or a VF of a GPU with its vendor's VFIO driver (Nova's
``live_migratable``); both are ``<hostdev mode='subsystem'>`` elements. USB
and SCSI devices are hostdevs too, but not VFIO. An SR-IOV interface is no
hostdev element, and Nova unplugs it before it migrates the server.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

_VFIO = {"mdev": "mdev", "pci": "vf"}
_MACHINE = re.compile(r"(?:^|-)(\d+)\.(\d+)(?:\.\d+)?$")


@dataclass(frozen=True)
class VfioDevice:
    """One device.

    :ivar kind: "mdev", or "vf" for a passed-through PCI function
    :ivar address: mdev UUID, or PCI address on the host, "0000:3b:00.4"
    """

    kind: str
    address: str


def vfio_devices(xml: str) -> tuple[VfioDevice, ...]:
    """Return the VFIO devices of a guest, in the order of its XML.

    :param xml: of a domain; libvirt's own, so it is well-formed
    """
    found = []
    for node in ElementTree.fromstring(xml).iterfind("./devices/hostdev"):
        kind = _VFIO.get(node.get("type", ""))
        address = node.find("./source/address")
        if kind is not None:
            found.append(VfioDevice(kind, _address(kind, address)))
    return tuple(found)


def _address(kind: str, node: ElementTree.Element | None) -> str:
    if node is None:
        return "unknown"
    if kind == "mdev":
        return node.get("uuid", "unknown")
    try:
        parts = [
            int(node.get(name, "0"), 16)
            for name in ("domain", "bus", "slot", "function")
        ]
    except ValueError:
        return "unknown"
    return "{:04x}:{:02x}:{:02x}.{:x}".format(*parts)


def machine_version(xml: str) -> tuple[int, int] | None:
    """Return the version of a guest's machine type; None: unknown.

    ``pc-q35-10.0`` is (10, 0). A distribution's own names
    (``pc-q35-noble``, ``pc-q35-rhel9.6.0``) do not tell QEMU's version.
    """
    node = ElementTree.fromstring(xml).find("./os/type")
    machine = node.get("machine", "") if node is not None else ""
    if "rhel" in machine:
        return None
    found = _MACHINE.search(machine)
    return (int(found[1]), int(found[2])) if found else None


def kinds(devices: Sequence[VfioDevice]) -> str:
    """Say what there is.

    >>> kinds([VfioDevice("mdev", "u1"), VfioDevice("mdev", "u2")])
    '2 mdev'
    """
    counts = {d.kind: 0 for d in devices}
    for device in devices:
        counts[device.kind] += 1
    return ", ".join(f"{n} {kind}" for kind, n in counts.items())
