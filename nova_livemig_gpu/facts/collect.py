"""Gathers what this host knows of itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from oslo_log import log as logging

from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.model import CpuFacts, HostFacts

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


def collect(
    version: str,
    nova_release: int | None,
    backend: GpuBackend,
    around: Around | None = None,
) -> HostFacts:
    """Return the facts; GPUs that cannot be read are unknown, aloud."""
    around = around or Around()
    return HostFacts(
        version,
        nova_release,
        gpus=_read("GPUs", backend.devices),
        active=_read("vGPUs in use", backend.active),
        **vars(around),
    )


def _read(
    what: str, read: Callable[[], Sequence[_T] | None]
) -> tuple[_T, ...] | None:
    try:
        found = read()
    except Exception:
        LOG.exception("The %s of this host cannot be read", what)
        return None
    return None if found is None else tuple(found)
