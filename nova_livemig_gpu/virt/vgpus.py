"""The vGPUs of a server of this host, as their stun depends on them."""

from typing import Any

from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.prediction.stun import VgpuUse
from nova_livemig_gpu.virt import hostfacts, inquiry


def of_server(
    driver: Any, backend: GpuBackend, server: str
) -> tuple[VgpuUse, ...]:
    """Return one for each vGPU that is known.

    Where the backend cannot know which server has which mdev, Nova does.

    :param server: UUID
    """
    active = backend.active()
    if active is None and not backend.knows_servers:
        active = hostfacts.assigned(
            driver._get_all_assigned_mediated_devices(),
            driver._get_mediated_devices(),
        )
    mine = [vgpu for vgpu in active or () if vgpu.server == server]
    return inquiry.uses(mine, backend.devices() or (), None)
