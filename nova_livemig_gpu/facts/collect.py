"""Gathers what this host knows of itself."""

from oslo_log import log as logging

from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.model import GpuDevice, HostFacts

LOG = logging.getLogger(__name__)


def collect(
    version: str, nova_release: int | None, backend: GpuBackend
) -> HostFacts:
    """Return the facts; GPUs that cannot be read are unknown, aloud."""
    gpus: tuple[GpuDevice, ...] | None = None
    try:
        gpus = tuple(backend.devices())
    except Exception:
        LOG.exception("The GPUs of this host cannot be read")
    return HostFacts(version, nova_release, gpus=gpus)
