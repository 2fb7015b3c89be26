"""What QEMU and libvirt at both ends can do for a device's state.

Several connections for device state (multifd): QEMU 10.0 at both ends and a
machine type of 10.0 or newer, since ``x-migration-multifd-transfer`` is off
in older ones; no tunnel, and no compression (Nova sets none). What is not
known is not there. The destination's QEMU is what its nova-compute reports
as ``hypervisor_version``.

Bandwidth at the switchover: libvirt 11.1 and QEMU 8.2, at the source alone.
"""

from typing import Any

import libvirt
from nova import objects
from oslo_log import log as logging

from nova_livemig_gpu.virt import devices

LOG = logging.getLogger(__name__)

MULTIFD_QEMU = (10, 0, 0)
_MULTIFD_MACHINE = (10, 0)
_SWITCHOVER_LIBVIRT = (11, 1, 0)
_SWITCHOVER_QEMU = (8, 2, 0)
_FALLBACK_MBPS = 1000
_MBIT = 10**6 / 8
_MIB = 2**20


def no_channels(
    driver: Any, context: Any, dest: str, xml: str, flags: int
) -> str | None:
    """Return why device state has one connection only; None: it need not.

    :param dest: name of the destination's compute service
    :param xml: of the domain
    :param flags: ``VIR_MIGRATE_*`` that Nova would use
    """
    if flags & libvirt.VIR_MIGRATE_TUNNELLED:
        return "live_migration_tunnelled is on"
    machine = devices.machine_version(xml)
    if machine is None:
        return "its machine type does not tell QEMU's version"
    if machine < _MULTIFD_MACHINE:
        return f"its machine type is of QEMU {machine[0]}.{machine[1]}"
    if not driver._host.has_min_version(hv_ver=MULTIFD_QEMU):
        return "QEMU here is older than 10.0"
    version = qemu_version(context, dest)
    if version is None:
        return f"the version of QEMU on {dest} is not known"
    if version < MULTIFD_QEMU:
        return f"QEMU on {dest} is {'.'.join(map(str, version))}"
    return None


def qemu_version(context: Any, host: str) -> tuple[int, int, int] | None:
    """Return the QEMU version of a host; None: unknown."""
    try:
        nodes = objects.ComputeNodeList.get_all_by_host(
            context.elevated(), host
        )
        numbers = {node.hypervisor_version for node in nodes}
    except Exception as exc:
        LOG.warning("The version of QEMU on %s is not known: %s", host, exc)
        return None
    if not numbers or not all(isinstance(n, int) and n > 0 for n in numbers):
        return None
    least = min(numbers)
    return least // 10**6, least // 1000 % 1000, least % 1000


def switchover_mib_s(
    host: Any, wanted_mbps: int | None, bandwidth_mbps: int | None
) -> int | None:
    """Return what QEMU is told of the link, MiB/s; None: it cannot be.

    :param host: Nova's ``Host``
    :param wanted_mbps: option ``switchover_bandwidth_mbps``
    :param bandwidth_mbps: what the migration may send; None: no limit
    """
    if parameter() is None or not host.has_min_version(
        lv_ver=_SWITCHOVER_LIBVIRT, hv_ver=_SWITCHOVER_QEMU
    ):
        return None
    mbps = wanted_mbps or bandwidth_mbps or _FALLBACK_MBPS
    return max(1, round(mbps * _MBIT / _MIB))


def parameter() -> str | None:
    """libvirt's name of the parameter; None: libvirt-python is too old."""
    name: str | None = getattr(
        libvirt, "VIR_MIGRATE_PARAM_BANDWIDTH_AVAIL_SWITCHOVER", None
    )
    return name
