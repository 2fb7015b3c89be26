# SPDX-License-Identifier: Apache-2.0
"""mtty's state, told and asked from outside the guest.

The sample is a serial port: a scratch register and, where the port is set
to loop back, what was written waits in its queue. Both are part of the
state that migrates. QEMU's monitor reaches the ports where the guest's BIOS
has put them, which it must have done.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import libvirt
import libvirt_qemu

from livelab.errors import LabError

VENDOR = 0x4348
SCRATCH, CONTROL, LOOP = 7, 4, 0x10
QUEUE = (0x41, 0x42, 0x43)


def write(domain: libvirt.virDomain, scratch: int) -> None:
    """Leave a byte in the scratch register and three in the queue."""
    base = _base(domain)
    _out(domain, base + SCRATCH, scratch)
    _out(domain, base + CONTROL, LOOP)
    for byte in QUEUE:
        _out(domain, base, byte)


def read(domain: libvirt.virDomain) -> tuple[int, tuple[int, ...]]:
    """The scratch register, and what was in the queue, which is then empty."""
    base = _base(domain)
    scratch = _in(domain, base + SCRATCH)
    return scratch, tuple(_in(domain, base) for _ in QUEUE)


def _base(domain: libvirt.virDomain) -> int:
    said = libvirt_qemu.qemuMonitorCommand(
        domain, json.dumps({"execute": "query-pci"}), 0
    )
    for bus in json.loads(said)["return"]:
        for device in _devices(bus["devices"]):
            if device["id"].get("vendor") == VENDOR:
                base = int(device["regions"][0]["address"])
                if base > 0:
                    return base
                raise LabError(f"{domain.name()}: its BIOS has not run yet")
    raise LabError(f"{domain.name()}: no mtty in it")


def _devices(devices: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for device in devices:
        yield device
        bridge = device.get("pci_bridge", {})
        yield from _devices(bridge.get("devices", []))


def _out(domain: libvirt.virDomain, port: int, value: int) -> None:
    _monitor(domain, f"o /b {port:#x} {value:#x}")


def _in(domain: libvirt.virDomain, port: int) -> int:
    said = _monitor(domain, f"i /b {port:#x}")
    found = re.search(r"= (0x[0-9a-fA-F]+)", said)
    if not found:
        raise LabError(f"{domain.name()}: port {port:#x}: {said.strip()}")
    return int(found[1], 16)


def _monitor(domain: libvirt.virDomain, line: str) -> str:
    flags = libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP
    said: str = libvirt_qemu.qemuMonitorCommand(domain, line, flags)
    return said
