"""Gathers what this host knows of itself."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from oslo_log import log as logging

from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.model import ActiveVgpu, CpuFacts, HostFacts

LOG = logging.getLogger(__name__)

_T = TypeVar("_T")


@dataclass(frozen=True)
class Around:
    """What of a host its GPU backend cannot know; see HostFacts."""

    cpu: CpuFacts | None = None
    cpu_mode: str | None = None
    machine_types: tuple[str, ...] = ()
    qemu: str | None = None
    libvirt: str | None = None
    kernel: str | None = None
    migrations_out: int | None = None
    migrations_in: int | None = None
    link_mbps: int | None = None
    max_downtime_ms: int | None = None
    over_budget: str | None = None


def collect(
    version: str,
    nova_release: int | None,
    backend: GpuBackend,
    around: Around | None = None,
) -> HostFacts:
    """Return the facts; GPUs that cannot be read are unknown, aloud."""
    around = around or Around()
    gpus = _read("GPUs", backend.devices)
    return HostFacts(
        version,
        nova_release,
        gpus=None if gpus is None else tuple(gpus),
        active=_active(backend),
        **vars(around),
    )


def _active(backend: GpuBackend) -> tuple[ActiveVgpu, ...] | None:
    active = _read("vGPUs in use", backend.active)
    if not active:
        return None if active is None else ()
    drivers = _read("drivers in the guests", backend.guest_drivers) or {}
    return tuple(
        replace(each, guest_driver=drivers.get(each.server)) for each in active
    )


def _read(what: str, read: Callable[[], _T | None]) -> _T | None:
    try:
        return read()
    except Exception:
        LOG.exception("The %s of this host cannot be read", what)
        return None
