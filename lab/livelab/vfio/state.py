# SPDX-License-Identifier: Apache-2.0
"""Give a device a state to remember, and see whether it still has it."""

from abc import ABC, abstractmethod

import libvirt

from livelab.errors import LabError
from livelab.vfio import mdev, registers
from livelab.vfio.machine import Machine

SCRATCH = 0x5A


class DeviceState(ABC):
    """Of a running domain's device, in the machine where it is."""

    @abstractmethod
    def mark(self, machine: Machine, domain: libvirt.virDomain) -> None:
        """Change the state into something else than a new device's."""

    @abstractmethod
    def check(self, machine: Machine, domain: libvirt.virDomain) -> str | None:
        """Whether it is as it was marked; None: it is, else what is wrong."""


class MttyState(DeviceState):
    """The registers of the kernel's sample."""

    def mark(self, machine: Machine, domain: libvirt.virDomain) -> None:
        registers.write(domain, SCRATCH)

    def check(self, machine: Machine, domain: libvirt.virDomain) -> str | None:
        wanted = SCRATCH, registers.QUEUE
        found = registers.read(domain)
        return None if found == wanted else f"{found}, not {wanted}"


class VgpuState(DeviceState):
    """The framebuffer of the lab's test vGPU: every block has its stamp."""

    def mark(self, machine: Machine, domain: libvirt.virDomain) -> None:
        machine.run(f"echo 1 >{self._place(domain)}/fill", timeout=120)

    def check(self, machine: Machine, domain: libvirt.virDomain) -> str | None:
        said = machine.run(f"cat {self._place(domain)}/verify", timeout=120)
        words = said.split()
        good = words[0] == "ok" and "blank=0" in words
        return None if good else said.strip()

    @staticmethod
    def _place(domain: libvirt.virDomain) -> str:
        return f"/sys/bus/mdev/devices/{mdev.of(domain)}/vgpu"


def of(machine: Machine) -> DeviceState:
    """For the devices that this machine has; raises LabError."""
    loaded = machine.run("ls /sys/module").split()
    if "mtty" in loaded:
        return MttyState()
    if "testvgpu" in loaded:
        return VgpuState()
    raise LabError(f"{machine.name}: neither mtty nor testvgpu is loaded")
