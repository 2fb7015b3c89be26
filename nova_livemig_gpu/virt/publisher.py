"""What a host tells others: its facts, and answers to their questions."""

from collections.abc import Callable, Iterable
from typing import Any

import nova.conf
from nova import rpc as nova_rpc
from oslo_log import log as logging

from nova_livemig_gpu.facts import codec, traits
from nova_livemig_gpu.model import HostFacts
from nova_livemig_gpu.rpc import server as rpc_server
from nova_livemig_gpu.virt.hostfacts import HostFactsReader
from nova_livemig_gpu.virt.service import Service, own_version

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF


class Publisher:
    """Publishes for one driver. Nothing raises."""

    def __init__(self, service: Service, running: Callable[[], int]) -> None:
        """:param running: how many of our live migrations leave this host"""
        self._gpus = service.gpus
        self._running = running
        self._answering: Any = None
        self._facts = HostFactsReader(
            service.driver,
            service.gpus,
            own_version(),
            service.release.number if service.release else None,
        )

    def answer_other_hosts(self, host: str) -> None:
        """Start the RPC server of this host. Never raises."""
        try:
            self._answering = rpc_server.start(
                nova_rpc.TRANSPORT, host, self._gpus
            )
        except Exception:
            LOG.exception(
                "Other hosts get no answers from this one: live migrations "
                "of vGPU servers from here are of unknown compatibility."
            )

    def close(self) -> None:
        """Stop answering other hosts. Never raises."""
        answering, self._answering = self._answering, None
        if answering is None:
            return
        try:
            answering.stop()
            answering.wait()
        except Exception:
            LOG.exception("The RPC server of this package did not stop")

    def stats(self) -> dict[str, str]:
        """Return what is added to the compute node's ``stats``. Never
        raises: without facts a host is one of unknown compatibility."""
        try:
            return codec.encode(self._read_facts())
        except Exception:
            LOG.exception("The facts of this host are not published")
            return {}

    def traits(self, existing: Iterable[str]) -> set[str]:
        """Return all traits of this host, ours as they are now. Never
        raises."""
        try:
            return traits.update(existing, traits.traits(self._read_facts()))
        except Exception:
            LOG.exception("The traits of this host are left as they are")
            return set(existing)

    def _read_facts(self) -> HostFacts:
        return self._facts.read(
            CONF.libvirt.virt_type,
            CONF.libvirt.cpu_mode,
            self._running(),
        )
