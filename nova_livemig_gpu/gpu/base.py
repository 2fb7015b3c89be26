"""What a GPU backend is: one way to learn of the GPUs of a host.

A backend scores itself; all are asked before any is initialised, and the
one with the highest score is used. To write one: subclass
:class:`GpuBackend` and register it in ``nova_livemig_gpu.gpu_backends``.
"""

import abc
from collections.abc import Sequence

from nova_livemig_gpu.model import GpuDevice


class GpuBackend(abc.ABC):
    """A source of facts on GPUs."""

    @abc.abstractmethod
    def score(self) -> int:
        """How well this backend knows this host; above 0, larger is better.

        :raises PluginNotMine: there is nothing here that it is for
        """

    @abc.abstractmethod
    def devices(self) -> Sequence[GpuDevice]:
        """Return the GPUs of this host, in a stable order."""
