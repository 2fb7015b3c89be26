"""The backend of a host without a GPU."""

from collections.abc import Sequence

from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.model import ActiveVgpu, GpuDevice


class NullBackend(GpuBackend):
    """Knows of no GPU; used where no other backend is for the host."""

    def score(self) -> int:
        return 1

    def devices(self) -> Sequence[GpuDevice]:
        return ()

    def active(self) -> Sequence[ActiveVgpu]:
        return ()
