"""Loads the GPU backends of this host, through stevedore."""

from typing import Any

from oslo_log import log as logging
from stevedore import extension

from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.gpu.bounded import BoundedBackend
from nova_livemig_gpu.gpu.choice import BackendChoice, Candidate

LOG = logging.getLogger(__name__)

NAMESPACE = "nova_livemig_gpu.gpu_backends"


def load(bound_s: float) -> GpuBackend:
    """Return the best backend for this host, see ``gpu.choice``.

    :param bound_s: a call that takes longer has an unknown answer
    """

    def failed(manager: Any, entry_point: Any, error: Exception) -> None:
        LOG.warning("GPU backend %s left out: %s", entry_point.name, error)

    found = extension.ExtensionManager(
        NAMESPACE, invoke_on_load=True, on_load_failure_callback=failed
    )
    candidates = [
        Candidate(
            each.name,
            BoundedBackend(each.name, each.obj, bound_s),
            score=each.obj.score,
        )
        for each in found
    ]
    return BackendChoice(candidates, bound_s)
