"""Asks another host."""

from typing import Any

import oslo_messaging

from nova_livemig_gpu import foreign
from nova_livemig_gpu.model import VgpuMetadata
from nova_livemig_gpu.rpc import messages
from nova_livemig_gpu.rpc.server import TOPIC


class Client:
    """Questions to the plugin on other hosts. Nothing here raises."""

    def __init__(self, transport: Any, timeout_s: float) -> None:
        """:param timeout_s: how long an answer is waited for"""
        # What all know; later questions name their own version.
        target = oslo_messaging.Target(topic=TOPIC, version="1.0")
        self._rpc = oslo_messaging.get_rpc_client(
            transport, target, timeout=timeout_s
        )
        self._timeout_s = timeout_s

    def vgpu_metadata(self, host: str, server: str) -> VgpuMetadata:
        """Ask ``host`` for the metadata of the vGPUs of ``server``."""
        try:
            answer = self._rpc.prepare(server=host).call(
                {}, "vgpu_metadata", server=server
            )
        except oslo_messaging.MessagingTimeout:
            return VgpuMetadata(
                None,
                f"{host} gave no answer within {self._timeout_s:g} s; it may "
                "run without this plugin",
            )
        except Exception as exc:
            said = foreign.cut(f"{host}: {type(exc).__name__}: {exc}")
            return VgpuMetadata(None, said)
        return messages.decode(answer)

    def no_thaw(self, host: str) -> str | None:
        """Return why what arrives at ``host`` quiesced would stay so; None:
        it is resumed."""
        try:
            answer = self._rpc.prepare(server=host, version="1.1").call(
                {}, "resumes_arrivals"
            )
        except Exception as exc:
            said = foreign.cut(f"{type(exc).__name__}: {exc}", 500)
            return f"{host} does not say that it would be thawed there: {said}"
        if messages.decode_resumes(answer):
            return None
        return f"the hook quiesce is not listed on {host}"
