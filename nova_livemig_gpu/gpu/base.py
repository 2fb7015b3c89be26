"""What a GPU backend is: one way to learn of the GPUs of a host.

A backend scores itself; all are asked before any is initialised, and the
one with the highest score is used (``gpu.choice``). To write one: subclass
:class:`GpuBackend` and register it in ``nova_livemig_gpu.gpu_backends``.

A backend that cannot read something says so once, in its log, and then
answers that it is unknown; it raises only what is a fault of its own.
"""

import abc
from collections.abc import Mapping, Sequence

from nova_livemig_gpu.model import (
    ActiveVgpu,
    Compatibility,
    GpuDevice,
    GpuTelemetry,
    VgpuFunction,
)


class GpuBackend(abc.ABC):
    """A source of facts on GPUs."""

    @abc.abstractmethod
    def score(self) -> int:
        """How well this backend knows this host; above 0, larger is better.

        :raises PluginNotMine: there is nothing here that it is for
        """

    @abc.abstractmethod
    def devices(self) -> Sequence[GpuDevice] | None:
        """Return the GPUs of this host, in a stable order; None: unknown.

        A GPU that cannot be read (off the bus) is left out.
        """

    def functions(self) -> Sequence[VgpuFunction] | None:
        """Return the virtual functions that are a vGPU now; None: unknown.

        One that has a type and no server is idle, and takes the next server.
        """
        return ()

    def active(self) -> Sequence[ActiveVgpu] | None:
        """Return the vGPUs in use, without :meth:`guest_drivers`; None: this
        backend cannot know."""
        return None

    def guest_drivers(self) -> Mapping[str, str] | None:
        """Return the version of the vGPU driver in each server that tells
        it, by UUID; None: unknown for all.

        Apart from :meth:`active`, for it asks each vGPU's metadata: where
        that hangs, no more than this may be unknown.
        """
        return {}

    def telemetry(self, gpu_address: str, server: str) -> GpuTelemetry | None:
        """Tell how busy a GPU is now; None: this backend cannot know.

        :param server: UUID; whether its vGPUs are licensed is told, too
        """
        return None

    def vgpu_metadata(self, server: str) -> Sequence[bytes]:
        """Return the raw NVML metadata of each vGPU of a running server.

        Empty: it has none, or they cannot all be read. Whoever asks knows
        how many vGPUs the server has, and compares.

        :param server: UUID of the server
        """
        return ()

    def compatibility(
        self, metadata: bytes, gpu_address: str
    ) -> Compatibility:
        """Ask whether a running vGPU could go on, on a GPU of this host.

        :param metadata: of the vGPU, see :meth:`vgpu_metadata`
        :param gpu_address: see :class:`GpuDevice`
        """
        return Compatibility(None, "This host has no NVML to ask")
