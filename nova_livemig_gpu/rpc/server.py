"""Answers other hosts. One for each nova-compute with this driver."""

from typing import Any

import oslo_messaging
from oslo_log import log as logging

from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.rpc import messages

LOG = logging.getLogger(__name__)

TOPIC = "nova_livemig_gpu"
API_VERSION = "1.1"


class Endpoint:
    """The methods that can be called, see ``rpc.messages``."""

    target = oslo_messaging.Target(version=API_VERSION)

    def __init__(self, backend: GpuBackend, resumes: bool = False) -> None:
        """:param resumes: servers that arrive here quiesced are resumed"""
        self._backend = backend
        self._resumes = resumes

    def resumes_arrivals(self, ctxt: Any) -> dict[str, Any]:
        """Tell whether servers that arrive here quiesced are resumed."""
        return messages.resumes(self._resumes)

    def vgpu_metadata(self, ctxt: Any, server: str) -> dict[str, Any]:
        """Return the metadata of the vGPUs of ``server`` (a UUID)."""
        try:
            return messages.encode(self._backend.vgpu_metadata(server))
        except Exception as exc:
            LOG.exception(
                "The vGPU metadata cannot be read", instance_uuid=server
            )
            return messages.unknown(f"{type(exc).__name__}: {exc}")


def start(
    transport: Any, host: str, backend: GpuBackend, resumes: bool = False
) -> Any:
    """Start answering on ``host``'s own queue.

    :param resumes: see :class:`Endpoint`
    :returns: the server; ``stop`` and ``wait`` end it
    """
    target = oslo_messaging.Target(topic=TOPIC, server=host)
    server = oslo_messaging.get_rpc_server(
        transport, target, [Endpoint(backend, resumes)]
    )
    server.start()
    return server
