"""Answers other hosts. One for each nova-compute with this driver."""

from typing import Any

import oslo_messaging
from oslo_log import log as logging

from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.rpc import messages

LOG = logging.getLogger(__name__)

TOPIC = "nova_livemig_gpu"
API_VERSION = "1.0"


class Endpoint:
    """The methods that can be called, see ``rpc.messages``."""

    target = oslo_messaging.Target(version=API_VERSION)

    def __init__(self, backend: GpuBackend) -> None:
        self._backend = backend

    def vgpu_metadata(self, ctxt: Any, server: str) -> dict[str, Any]:
        """Return the metadata of the vGPUs of ``server`` (a UUID)."""
        try:
            return messages.encode(self._backend.vgpu_metadata(server))
        except Exception as exc:
            LOG.exception(
                "The vGPU metadata cannot be read", instance_uuid=server
            )
            return messages.unknown(f"{type(exc).__name__}: {exc}")


def start(transport: Any, host: str, backend: GpuBackend) -> Any:
    """Start answering on ``host``'s own queue.

    :returns: the server; ``stop`` and ``wait`` end it
    """
    target = oslo_messaging.Target(topic=TOPIC, server=host)
    server = oslo_messaging.get_rpc_server(
        transport, target, [Endpoint(backend)]
    )
    server.start()
    return server
