# SPDX-License-Identifier: Apache-2.0
"""A guest with a mediated device, without OpenStack."""

import time
import uuid

import libvirt

from livelab.errors import LabError
from livelab.vfio import mdev, sector
from livelab.vfio.machine import Machine
from livelab.vfio.sector import Load

PLACE = "/var/lib/lab"
# tb-cache: QEMU's own default, a quarter of the guest's memory, is less
# than it takes to be quick. The disk is not written to, and so each machine
# has its own; a serial port by file is QEMU's alone, no daemon stands between.
DOMAIN = """\
<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>{memory_mib}</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features>
    <acpi/>
    <tcg><tb-cache unit='MiB'>32</tb-cache></tcg>
  </features>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='none'/>
      <source file='{disk}'/>
      <target dev='vda' bus='virtio'/>
      <readonly/>
    </disk>
    <serial type='file'><source path='{console}' append='on'/></serial>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
{devices}\
  </devices>
</domain>
"""
HOSTDEV = """\
    <hostdev mode='subsystem' type='mdev' managed='no' model='vfio-pci'>
      <source><address uuid='{device}'/></source>
    </hostdev>
"""


class MdevGuest:
    """A transient domain of one sector, with mdevs, on either machine."""

    def __init__(
        self, name: str, load: Load | None = None, *, kind: str | None
    ) -> None:
        """kind is the type of its device; None: it has none."""
        self.name = name
        self.load = load or Load()
        self.kind = kind
        self.uuid = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.livelab"))
        self.device: str | None = None

    @property
    def console(self) -> str:
        """The serial port's file, in whichever machine it is."""
        return f"{PLACE}/{self.name}.console"

    def xml(self, device: str | None) -> str:
        """Its definition with this device."""
        return DOMAIN.format(
            name=self.name,
            uuid=self.uuid,
            memory_mib=max(32, self.load.memory_mib),
            disk=self._disk,
            console=self.console,
            devices=HOSTDEV.format(device=device) if device else "",
        )

    def prepare(self, machine: Machine) -> str | None:
        """Put its disk there and make a device for it; the device."""
        machine.run(
            f"mkdir -p {PLACE}; cat >{self._disk}; : >{self.console}",
            input=sector.disk(self.load),
        )
        return mdev.create(machine, self.kind) if self.kind else None

    def start(self, machine: Machine) -> None:
        """Start it, and wait until its memory is filled. Raises LabError."""
        self.device = self.prepare(machine)
        connection = machine.connect()
        try:
            connection.createXML(self.xml(self.device))
        finally:
            connection.close()
        self.wait_for(machine, "R")

    def said(self, machine: Machine) -> str:
        """What it has written in this machine: see lab/sector/sector.S."""
        return machine.run(f"cat {self.console}")

    def wait_for(
        self, machine: Machine, mark: str, times: int = 1, timeout: float = 180
    ) -> None:
        """Wait for so many of a mark more. Raises LabError."""
        before = self.said(machine).count(mark)
        limit = time.monotonic() + timeout
        while True:
            said = self.said(machine)
            if "X" in said:
                raise LabError(f"{self.name}: memory is wrong: {said[-40:]}")
            if said.count(mark) - (0 if mark == "R" else before) >= times:
                return
            if time.monotonic() > limit:
                raise LabError(
                    f"{self.name}: {said[-40:]!r}: no {mark!r} in {timeout} s"
                )
            time.sleep(0.5)

    def check(self, machine: Machine) -> None:
        """Wait until all of its memory has been looked at. LabError."""
        if self.load.ws_mib and self.load.rate_mib_s:
            self.wait_for(machine, ".", 2)
        if self.load.fill_mib:
            self.wait_for(machine, "v", 2)

    def destroy(self, *machines: Machine) -> None:
        """End it and remove its devices, wherever they are."""
        for machine in machines:
            connection = machine.connect()
            for domain in connection.listAllDomains():
                if domain.name() == self.name:
                    domain.destroy()
            connection.close()
        for machine in machines:
            if self.device is not None:
                mdev.remove(machine, self.device)

    @property
    def _disk(self) -> str:
        return f"{PLACE}/{self.name}.disk"


def find(machine: Machine, name: str) -> libvirt.virDomain:
    """The domain, over a connection of its own."""
    return machine.connect().lookupByName(name)
