"""The exact check on the destination, once Nova has claimed vGPUs there."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nova import exception
from oslo_log import log as logging

from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.migration.exact import Verdict, any_verdict, verdict
from nova_livemig_gpu.model import GpuDevice, VgpuMetadata
from nova_livemig_gpu.scheduler.gpu_check import find_type
from nova_livemig_gpu.scheduler.needs import ServerNeeds

LOG = logging.getLogger(__name__)

_NVIDIA = "nvidia-"
_PCI = re.compile(r"pci_(\w{4,8})_(\w{2})_(\w{2})_(\w)")


def check(
    instance: Any,
    migrate_data: Any,
    devices: Callable[[], Sequence[Mapping[str, Any]]],
    backend: GpuBackend,
    ask_source: Callable[[str, str], VgpuMetadata],
    on_unknown: str,
) -> None:
    """Ask NVML whether the server's vGPUs could go on here.

    :param migrate_data: has ``source_mdev_types`` and ``target_mdevs``
    :param devices: ``LibvirtDriver._get_mediated_devices``
    :param ask_source: host, server -> the metadata of its vGPUs
    :param on_unknown: option ``unknown_compatibility``
    :raises MigrationPreCheckError: the verdict is no, or unknown where that
        is refused; the conductor tries the next host then
    """
    if "source_mdev_types" not in migrate_data:
        return
    types = migrate_data.source_mdev_types or {}
    if not any(name.startswith(_NVIDIA) for name in types.values()):
        return
    claimed = set(migrate_data.target_mdevs.values())
    found = verdict(
        ask_source(instance.host, instance.uuid),
        len(types),
        [gpu_address(d["parent"]) for d in devices() if d["uuid"] in claimed],
        backend.compatibility,
    )
    _judge(found, instance, on_unknown)


def check_candidates(
    instance: Any,
    needs: ServerNeeds,
    gpus: Sequence[GpuDevice],
    backend: GpuBackend,
    ask_source: Callable[[str, str], VgpuMetadata],
    on_unknown: str,
) -> None:
    """The same before anything is claimed, on all GPUs with the type.

    It is the only check of a vGPU that is a VF: Nova claims those before it
    asks its driver, and does not give them back when the driver refuses.

    :param needs: what the server has, as its host tells
    :param gpus: of this host
    :raises MigrationPreCheckError: see :func:`check`
    """
    if needs.vgpus is None:
        _judge(Verdict(None, needs.vgpus_unknown), instance, on_unknown)
        return
    known = [each for each in needs.vgpus if each.gpu.driver is not None]
    if not known:
        return
    found = any_verdict(
        ask_source(instance.host, instance.uuid),
        sum(each.count for each in known),
        [
            gpu.address
            for gpu in gpus
            if any(find_type(gpu, each.type) is not None for each in known)
        ],
        backend.compatibility,
    )
    _judge(found, instance, on_unknown)


def _judge(found: Verdict, instance: Any, on_unknown: str) -> None:
    if found.compatible:
        LOG.info("vGPU live migration: %s", found.reason, instance=instance)
        return
    if found.compatible is None and on_unknown != "refuse":
        log = LOG.warning if on_unknown == "warn" else LOG.info
        log(
            "It is not known whether the vGPU can be migrated to this host "
            "(%s). [livemig_gpu] unknown_compatibility is %s: going on.",
            found.reason,
            on_unknown,
            instance=instance,
        )
        return
    LOG.warning("Refused: %s", found.reason, instance=instance)
    raise exception.MigrationPreCheckError(
        reason=(
            f"the vGPU of server {instance.uuid} cannot be migrated live to "
            f"this host: {found.reason}"
            if found.compatible is False
            else f"it is not known whether the vGPU of server "
            f"{instance.uuid} can be migrated live to this host "
            f"({found.reason}), and [livemig_gpu] unknown_compatibility is "
            "refuse"
        )
    )


def gpu_address(parent: str, sysfs: str = "/sys") -> str:
    """Return the address of the GPU that an mdev's parent belongs to, as
    :class:`GpuDevice` has it.

    :param parent: libvirt's name of the parent: "pci_0000_41_00_4" (with
        SR-IOV a VF, and NVML knows the physical function), "mtty_mtty"
    """
    parts = _PCI.fullmatch(parent)
    if parts is None:
        return _virtual(parent, f"{sysfs}/class/mdev_bus")
    address = "{}:{}:{}.{}".format(*parts.groups())
    link = f"{sysfs}/bus/pci/devices/{address}/physfn"
    try:
        return os.path.basename(os.readlink(link))
    except OSError:
        return address


def _virtual(parent: str, bus: str) -> str:
    """libvirt: subsystem and name in the kernel, joined by "_", what is not
    a letter or digit replaced by it (udevGenerateDeviceName in
    src/node_device/node_device_udev.c)."""
    try:
        names = sorted(os.listdir(bus), key=len, reverse=True)
    except OSError:
        return parent
    for name in names:
        if parent.endswith("_" + re.sub("[^0-9A-Za-z]", "_", name)):
            return name
    return parent
