# SPDX-License-Identifier: Apache-2.0
"""The test vGPU's knobs and counters: see lab/vgpu."""

from livelab.vfio.machine import Machine
from livelab.vfio.measure.cells import Cell

PARAMETERS = "/sys/module/testvgpu/parameters"
KIND = "mtty-1"


def configure(machine: Machine, cell: Cell) -> None:
    """What devices of type 1 that are made from now on will be like."""
    precopy = int(cell.precopy)
    machine.run(
        f"cd {PARAMETERS}; echo {cell.fb_mib},{cell.fb_mib} >fb_mib; "
        f"echo {precopy},{precopy} >precopy; "
        f"echo {cell.dirty_mib_s * 2**20} >dirty_rate"
    )


def fill(machine: Machine, device: str) -> None:
    """Have the device write all of its framebuffer."""
    machine.run(f"echo 1 >{_place(device)}/fill", timeout=120)


def write_at(machine: Machine, device: str, mib_s: int) -> None:
    """Have the device write its framebuffer so fast from now on."""
    knob = f"/sys/bus/mdev/devices/{device}/knobs/dirty_rate"
    machine.run(f"echo {mib_s * 2**20} >{knob}")


def read(machine: Machine, device: str, name: str) -> str:
    """One of its attributes."""
    return machine.run(f"cat {_place(device)}/{name}", timeout=120).strip()


def number(machine: Machine, device: str, name: str) -> int:
    """One of its counters."""
    return int(read(machine, device, name))


def _place(device: str) -> str:
    return f"/sys/bus/mdev/devices/{device}/vgpu"
