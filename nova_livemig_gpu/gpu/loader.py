"""Chooses the GPU backend of this host, through stevedore."""

from collections.abc import Iterable
from typing import Any

from oslo_log import log as logging
from stevedore import extension

from nova_livemig_gpu.exception import PluginNotMine
from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.gpu.bounded import BoundedBackend
from nova_livemig_gpu.gpu.null import NullBackend

LOG = logging.getLogger(__name__)

NAMESPACE = "nova_livemig_gpu.gpu_backends"


def load(bound_s: float) -> GpuBackend:
    """Return the best backend for this host; one without GPUs at worst.

    :param bound_s: a call that takes longer has an unknown answer
    """

    def failed(manager: Any, entry_point: Any, error: Exception) -> None:
        LOG.warning("GPU backend %s left out: %s", entry_point.name, error)

    found = extension.ExtensionManager(
        NAMESPACE, invoke_on_load=True, on_load_failure_callback=failed
    )
    return best(
        (each.name, BoundedBackend(each.name, each.obj, bound_s))
        for each in found
    )


def best(backends: Iterable[tuple[str, GpuBackend]]) -> GpuBackend:
    """Return the backend with the highest score; of equals the first."""
    top: tuple[int, GpuBackend] = (0, NullBackend())
    chosen = "none"
    for name, backend in backends:
        try:
            score = backend.score()
        except PluginNotMine as exc:
            LOG.debug("%s", exc)
            continue
        except Exception:
            LOG.exception("GPU backend %s failed and is left out", name)
            continue
        if score > top[0]:
            top, chosen = (score, backend), name
    LOG.info("GPU backend: %s", chosen)
    return top[1]
