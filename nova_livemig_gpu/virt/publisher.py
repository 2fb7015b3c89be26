"""What a host tells others: its facts, and answers to their questions."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import nova.conf
from nova import rpc as nova_rpc
from oslo_log import log as logging

from nova_livemig_gpu.facts import codec, traits
from nova_livemig_gpu.facts.stuns import StunOf
from nova_livemig_gpu.model import HostFacts
from nova_livemig_gpu.rpc import server as rpc_server
from nova_livemig_gpu.virt.guestcpus import GuestCpus
from nova_livemig_gpu.virt.hostfacts import HostFactsReader, Settings
from nova_livemig_gpu.virt.running import running
from nova_livemig_gpu.virt.service import Service, own_version
from nova_livemig_gpu.virt.snapshot import Snapshot

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF


class _Published(NamedTuple):
    """One reading: strings for ``stats``, and our traits."""

    stats: dict[str, str]
    traits: set[str]


class Publisher:
    """Publishes for one driver. Nothing raises."""

    def __init__(
        self,
        service: Service,
        steered: Callable[[], int],
        stun_of: StunOf | None = None,
    ) -> None:
        """:param steered: how many of our live migrations leave this host

        :param stun_of: predicts the stun of a server; None: nobody can
        """
        self._driver = service.driver
        self._options = service.options
        self._links = service.links
        self._gpus = service.gpus
        self._steered = steered
        self._host = CONF.host
        self._open = False
        self._resumes = False
        self._answering: Any = None
        self._guests = GuestCpus(service.driver)
        self._snapshot = Snapshot(self._read)
        self._facts = HostFactsReader(
            service.driver,
            service.gpus,
            own_version(),
            service.release.number if service.release else None,
            stun_of=stun_of,
        )

    def answer_other_hosts(self, host: str, resumes: bool = False) -> None:
        """Answer what others ask. Never raises.

        What answers is started with the first reading of a host that has a
        GPU, or is to have vGPUs by Nova's configuration, and at once where
        servers are resumed. Of others nothing is asked.

        :param host: its name, as Nova's records have it
        :param resumes: servers that arrive here quiesced are resumed
        """
        self._host = host
        self._open = True
        self._resumes = resumes
        if resumes:
            self._answer()

    def _answer(self) -> None:
        if not self._open or self._answering is not None:
            return
        try:
            self._answering = rpc_server.start(
                nova_rpc.TRANSPORT, self._host, self._gpus, self._resumes
            )
        except Exception:
            LOG.exception(
                "Other hosts get no answers from this one: live migrations "
                "of vGPU servers from here are of unknown compatibility."
            )

    def close(self) -> None:
        """Stop answering other hosts. Never raises."""
        self._open = False
        answering, self._answering = self._answering, None
        if answering is None:
            return
        try:
            answering.stop()
            answering.wait()
        except Exception:
            LOG.exception("The RPC server of this package did not stop")

    def stats(self) -> dict[str, str]:
        """Return what is added to the compute node's ``stats``: without
        facts a host is one of unknown compatibility. Never raises, and takes
        no time once there was a first reading, see ``virt.snapshot``."""
        found = self._snapshot.latest()
        return {} if found is None else dict(found.stats)

    def traits(self, existing: Iterable[str]) -> set[str]:
        """Return all traits of this host, ours as its stats have them; as
        they are where the facts are unknown."""
        found = self._snapshot.last() or self._snapshot.latest()
        if found is None:
            return set(existing)
        return traits.update(existing, found.traits)

    def renew(self) -> None:
        """Read again for the next audit, beside whoever calls: migrations
        come and go. Never raises."""
        self._snapshot.renew()

    def facts(self) -> HostFacts:
        """Return what this host is now, without counts of migrations."""
        return self._facts.read(self._settings())

    def _read(self) -> _Published:
        facts = replace(self.facts(), guests=self._guests.read())
        if facts.gpus or self._driver.supported_vgpu_types:
            self._answer()
        facts = self._with_counts(facts)
        return _Published(codec.encode(facts), traits.traits(facts))

    def _settings(self) -> Settings:
        options = self._options.read()
        return Settings(
            virt_type=CONF.libvirt.virt_type,
            cpu_mode=CONF.libvirt.cpu_mode,
            link_mbps=self._links.here_mbps(options),
            max_downtime_ms=options.max_downtime_ms,
            over_budget=options.over_budget,
        )

    def _with_counts(self, facts: HostFacts) -> HostFacts:
        out, into = running(self._host)
        return replace(
            facts,
            migrations_out=self._steered() if out is None else out,
            migrations_in=into,
        )
