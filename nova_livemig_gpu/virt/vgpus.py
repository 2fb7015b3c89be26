"""The vGPUs of a server of this host, as their stun depends on them."""

from typing import Any

from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.prediction.stun import VgpuUse
from nova_livemig_gpu.virt import inquiry
from nova_livemig_gpu.virt.assigned import WithNova


def of_server(
    driver: Any, backend: GpuBackend, server: str
) -> tuple[VgpuUse, ...]:
    """Return one for each vGPU that is known.

    Where the backend cannot know which server has which mdev, Nova does.

    :param server: UUID
    """
    both = WithNova(backend, driver)
    mine = [vgpu for vgpu in both.active() or () if vgpu.server == server]
    return inquiry.uses(mine, both.devices() or (), None)
