"""What can be learnt of a running server before it is migrated.

From libvirt alone, read-only, and from the GPU backend of the host; Nova is
not asked, so that a command can be used where nova-compute does not run.

Memory that the server has touched is taken for not zero: libvirt's "rss" of
its QEMU process, at most all of it. Framebuffer in use comes from NVML; where
that does not tell, the vGPU type's framebuffer stands for it, an upper bound.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import libvirt

from nova_livemig_gpu.exception import LiveMigrationError
from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.model import ActiveVgpu, GpuDevice, GuestMemory
from nova_livemig_gpu.prediction.stun import StunKey, VgpuUse

_PAGE = 4096
_MIB = 2**20
URI = "qemu:///system"


class ServerUnknown(LiveMigrationError):
    """The server cannot be looked at."""

    code = "livemig_gpu.server.unknown"
    msg_fmt = "Server %(server)s: %(reason)s"


@dataclass(frozen=True)
class Look:
    """A server as it is now.

    :ivar host: as libvirt calls this host
    :ivar vgpus: one for each vGPU that a backend knows of it
    :ivar vfio: it has a VFIO device; what ``vgpus`` does not tell is unknown
    :ivar missing: how many of its VFIO devices no backend knows
    """

    server: str
    host: str
    memory: GuestMemory
    vgpus: tuple[VgpuUse, ...] = ()
    vfio: bool = False
    missing: int = 0


def silence() -> None:
    """Keep libvirt from printing what is raised as well. For commands."""
    libvirt.registerErrorHandler(lambda context, error: None, None)


def look(
    server: str,
    backend: GpuBackend,
    link_mbps: int | None = None,
    uri: str = URI,
) -> Look:
    """Look at a running server of this host.

    :raises ServerUnknown: no UUID, no libvirt, no such server, not running
    """
    try:
        uuid.UUID(server)
    except ValueError as exc:
        raise ServerUnknown(server=server, reason="not a UUID") from exc
    try:
        connection = libvirt.openReadOnly(uri)
    except libvirt.libvirtError as exc:
        raise ServerUnknown(
            server=server, reason=f"libvirt at {uri}: {exc}"
        ) from exc
    try:
        return _look(server, connection, backend, link_mbps)
    except libvirt.libvirtError as exc:
        raise ServerUnknown(server=server, reason=exc) from exc
    finally:
        connection.close()


def _look(
    server: str, connection: Any, backend: GpuBackend, link_mbps: int | None
) -> Look:
    domain = connection.lookupByUUIDString(server)
    if not domain.isActive():
        raise ServerUnknown(server=server, reason="it is not running")
    total = domain.maxMemory() * 1024
    touched = domain.memoryStats().get("rss", total // 1024) * 1024
    devices = vfio_devices(domain.XMLDesc())
    vgpus = _vgpus(server, backend, link_mbps) if devices else ()
    return Look(
        server,
        connection.getHostname(),
        memory(total, touched),
        vgpus,
        devices > 0,
        max(devices - len(vgpus), 0),
    )


def memory(total_bytes: int, touched_bytes: int) -> GuestMemory:
    """Return the pages of a server."""
    normal = min(max(touched_bytes, 0), total_bytes)
    return GuestMemory(normal / _PAGE, (total_bytes - normal) / _PAGE, _PAGE)


def vfio_devices(xml: str) -> int:
    """Return how many devices of a domain QEMU has through VFIO."""
    devices = ElementTree.fromstring(xml).findall("./devices/hostdev")
    return sum(device.get("type") in ("mdev", "pci") for device in devices)


def _vgpus(
    server: str, backend: GpuBackend, link_mbps: int | None
) -> tuple[VgpuUse, ...]:
    gpus = {gpu.address: gpu for gpu in backend.devices() or ()}
    active = [v for v in backend.active() or () if v.server == server]
    return uses(active, gpus.values(), link_mbps)


def uses(
    active: Sequence[ActiveVgpu],
    gpus: Any,
    link_mbps: int | None,
) -> tuple[VgpuUse, ...]:
    """Return vGPUs in use with what their stun depends on."""
    by_address: dict[str, GpuDevice] = {gpu.address: gpu for gpu in gpus}
    found = []
    for vgpu in active:
        gpu = by_address.get(vgpu.gpu)
        if gpu is None:
            continue
        kind = next((t for t in gpu.types if t.type_id == vgpu.type_id), None)
        key = StunKey(
            gpu.name, kind.name if kind else None, gpu.driver, link_mbps
        )
        used, basis = vgpu.framebuffer_used_bytes, "nvml"
        if used is None and kind is not None and kind.framebuffer_mib:
            used, basis = kind.framebuffer_mib * _MIB, "type"
        found.append(VgpuUse(key, used, None if used is None else basis))
    return tuple(found)
