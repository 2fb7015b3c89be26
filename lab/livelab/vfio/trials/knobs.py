# SPDX-License-Identifier: Apache-2.0
"""The test vGPU's knobs: of a device, and of those that come to be."""

from livelab.vfio.machine import Machine

PARAMETERS = "/sys/module/testvgpu/parameters"
OF_TYPE = ("fb_mib", "precopy")
#: As the module begins.
CALM = {
    "dirty_rate": 0,
    "dirty_span_mib": 0,
    "fault_count": -1,
    "fault_save_after": -1,
    "fault_stop_error": 0,
    "fault_save_delay_us": 0,
    "fault_corrupt_block": -1,
    "fault_load_after": -1,
    "fault_load_delay_us": 0,
    "fault_size_percent": 100,
    "fault_state": -1,
    "fault_stuck": 0,
}


def put(machine: Machine, **values: int) -> None:
    """What devices that are made from now on begin with."""
    lines = [
        f"echo {f'{value},{value}' if name in OF_TYPE else value} "
        f">{PARAMETERS}/{name}"
        for name, value in values.items()
    ]
    machine.run("set -e; " + "; ".join(lines or [":"]))


def reset(machine: Machine) -> None:
    """No fault in devices that are made from now on."""
    put(machine, **CALM)


def turn(machine: Machine, device: str, **values: int) -> None:
    """Of one device, from now on."""
    place = f"/sys/bus/mdev/devices/{device}/knobs"
    lines = [f"echo {value} >{place}/{key}" for key, value in values.items()]
    machine.run("set -e; " + "; ".join(lines or [":"]))
