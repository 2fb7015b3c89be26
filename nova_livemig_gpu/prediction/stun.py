"""How long a server's vGPUs stop it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nova_livemig_gpu.model import Stun


@dataclass(frozen=True)
class StunKey:
    """What a stun depends on beside the framebuffer.

    :ivar gpu: name as its driver tells it
    :ivar vgpu_type: name of the vGPU type
    :ivar link_mbps: of the migration network; None: unknown
    """

    gpu: str
    vgpu_type: str | None = None
    driver: str | None = None
    link_mbps: int | None = None


@dataclass(frozen=True)
class VgpuUse:
    """One vGPU of a server.

    :ivar framebuffer_bytes: None: unknown
    :ivar basis: "nvml", "type" or "history", see :class:`model.Stun`
    """

    key: StunKey
    framebuffer_bytes: int | None
    basis: str | None = None


@dataclass(frozen=True)
class StunSeen:
    """What one completed migration showed of one kind of vGPU.

    :ivar framebuffer_bytes: of all its vGPUs
    :ivar stun_s: pause beyond what memory and overhead explain
    :ivar vgpus: how many vGPUs it had, all of the same key
    """

    key: StunKey
    framebuffer_bytes: int
    stun_s: float
    vgpus: int = 1


def stun(vgpus: Sequence[VgpuUse], seen: Iterable[StunSeen]) -> Stun | None:
    """Return the stun of all vGPUs together.

    :param vgpus: empty: None is returned, and no stun is expected
    :param seen: earlier migrations, of any key
    :returns: None: no vGPU, or a framebuffer is unknown
    """
    if not vgpus or any(v.framebuffer_bytes is None for v in vgpus):
        return None
    total = sum(v.framebuffer_bytes or 0 for v in vgpus)
    seconds = len(vgpus) * 1.0 + total / 1e9
    return Stun(seconds * 1e3, seconds * 2e3, total, vgpus[0].basis)
