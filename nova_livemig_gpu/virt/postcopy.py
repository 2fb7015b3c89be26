"""Whether a server can be switched to post-copy at all.

What QEMU itself looks at when a migration starts is no obstacle here: a
destination without userfaultfd, a vhost-user interface whose backend cannot
do it, memory in files of another kind. QEMU refuses such a start before
anything has begun, and the migration is started again without post-copy
(``virt.proxies``). An obstacle is what QEMU would take and would regret.
"""

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import libvirt
from nova.compute import vm_states

from nova_livemig_gpu.virt.devices import vfio_devices

_PARALLEL_QEMU = (10, 1, 0)
_GIB = 2**30
#: libvirt's units of a page size, bytes (docs/formatdomain.rst).
_UNITS = {
    "": 2**10,
    "b": 1,
    "bytes": 1,
    "k": 2**10,
    "KiB": 2**10,
    "KB": 10**3,
    "M": 2**20,
    "MiB": 2**20,
    "MB": 10**6,
    "G": 2**30,
    "GiB": 2**30,
    "GB": 10**9,
}

QemuVersion = tuple[int, int, int]


def has_vfio(guest: Any) -> bool:
    """Whether a guest has a VFIO device (mdev or PCI function)."""
    return bool(vfio_devices(guest.get_xml_desc()))


def obstacle(
    driver: Any,
    instance: Any,
    guest: Any,
    flags: int,
    file_backed: bool,
    destination_qemu: Callable[[], QemuVersion | None] | None = None,
) -> str | None:
    """Return why not, or None where nothing is known against it.

    :param flags: ``VIR_MIGRATE_*`` that Nova would use
    :param file_backed: ``[libvirt] file_backed_memory`` is set
    :param destination_qemu: asks for the version of the destination's QEMU,
        where the destination is chosen; its None is unknown
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
    if flags & libvirt.VIR_MIGRATE_TLS and flags & _WITH_DISKS:
        return "its disks are copied over TLS"
    if _largest_page_bytes(guest.get_xml_desc()) >= _GIB:
        return "its memory has pages of 1 GiB, and it would wait for each"
    if flags & libvirt.VIR_MIGRATE_PARALLEL:
        return _against_parallel(driver._host, destination_qemu)
    return None


_WITH_DISKS = (
    libvirt.VIR_MIGRATE_NON_SHARED_DISK | libvirt.VIR_MIGRATE_NON_SHARED_INC
)


def _against_parallel(
    host: Any, destination_qemu: Callable[[], QemuVersion | None] | None
) -> str | None:
    """Both ends must know how to do both at once. An older QEMU at the
    destination may not refuse it, and end with an error in post-copy."""
    needs = "live_migration_parallel_connections needs QEMU 10.1 for it"
    if not host.has_min_version(hv_ver=_PARALLEL_QEMU):
        return needs
    if destination_qemu is None:
        return None
    version = destination_qemu()
    if version is None:
        return f"{needs}, and the destination's is not known"
    if version < _PARALLEL_QEMU:
        number = ".".join(map(str, version))
        return f"{needs}, and the destination's is {number}"
    return None


def _largest_page_bytes(xml: str) -> int:
    """Return the size of the largest huge pages that a guest asks for; 0:
    of none, or of what its host takes by default."""
    root = ElementTree.fromstring(xml)
    sizes = [0]
    for page in root.iterfind("./memoryBacking/hugepages/page"):
        size, unit = page.get("size", ""), page.get("unit", "")
        if size.isascii() and size.isdigit():
            sizes.append(int(size) * _UNITS.get(unit, 0))
    return max(sizes)
