"""Whether a server can be switched to post-copy at all."""

from typing import Any

import libvirt
from nova.compute import vm_states

from nova_livemig_gpu.virt.devices import vfio_devices

_PARALLEL_POSTCOPY_QEMU = (10, 1, 0)


def has_vfio(guest: Any) -> bool:
    """Whether a guest has a VFIO device (mdev or PCI function)."""
    return bool(vfio_devices(guest.get_xml_desc()))


def obstacle(
    driver: Any, instance: Any, guest: Any, flags: int, file_backed: bool
) -> str | None:
    """Return why not, or None where nothing is known against it.

    :param flags: ``VIR_MIGRATE_*`` that Nova would use
    :param file_backed: ``[libvirt] file_backed_memory`` is set
    """
    if instance.vm_state == vm_states.PAUSED:
        return "the server is paused"
    if driver._get_vpmems(instance):
        return "the server has persistent memory"
    if has_vfio(guest):
        return "the server has a VFIO device"
    if flags & libvirt.VIR_MIGRATE_TUNNELLED:
        return "live_migration_tunnelled is on"
    if file_backed:
        return "file_backed_memory is on"
    if flags & libvirt.VIR_MIGRATE_PARALLEL and not _parallel(driver._host):
        return "live_migration_parallel_connections needs QEMU 10.1 for it"
    return None


def _parallel(host: Any) -> bool:
    return bool(host.has_min_version(hv_ver=_PARALLEL_POSTCOPY_QEMU))
