"""Facts of this host that only libvirt and Nova know."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import libvirt
from oslo_log import log as logging

from nova_livemig_gpu.facts import collect, cpu, stuns
from nova_livemig_gpu.facts.stuns import StunOf
from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.model import HostFacts
from nova_livemig_gpu.virt.assigned import WithNova

LOG = logging.getLogger(__name__)

_T = TypeVar("_T")


#: So long one round's facts serve those who need not have the newest.
KEPT_S = 10.0


@dataclass(frozen=True)
class Settings:
    """What the configuration of this host says of it.

    :ivar virt_type: ``[libvirt] virt_type``
    :ivar cpu_mode: ``[libvirt] cpu_mode``
    :ivar link_mbps: of the link that live migrations take; None: unknown
    :ivar max_downtime_ms: option, as is ``over_budget``
    """

    virt_type: str
    cpu_mode: str | None
    link_mbps: int | None
    max_downtime_ms: int
    over_budget: str


class HostFactsReader:
    """Reads the facts of a host; what does not change is read once.

    :param release: of Nova; None: one that we do not steer
    :param stun_of: predicts the stun of a server; None: nobody can yet
    """

    def __init__(
        self,
        driver: Any,
        backend: GpuBackend,
        version: str,
        release: int | None,
        stun_of: StunOf | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._driver = driver
        self._backend = backend
        self._version = version
        self._release = release
        self._stun_of = stun_of
        self._clock = clock
        self._fixed: collect.Around | None = None
        self._kept: tuple[float, HostFacts] | None = None

    def read(self, settings: Settings) -> HostFacts:
        """Return the facts of now, without counts of migrations.

        Whoever decides by the room on a GPU must ask for these: a vGPU that
        was claimed a second ago is in them.
        """
        if self._fixed is None:
            self._fixed = self._read_fixed(
                settings.virt_type, settings.cpu_mode
            )
        around = replace(
            self._fixed,
            link_mbps=settings.link_mbps,
            max_downtime_ms=settings.max_downtime_ms,
            over_budget=settings.over_budget,
        )
        found = collect.collect(
            self._version,
            self._release,
            WithNova(self._backend, self._driver),
            around,
        )
        facts = stuns.add(found, self._stun_of)
        self._kept = (self._clock(), facts)
        return facts

    def recent(self, settings: Settings) -> HostFacts:
        """Return the facts as last read, ``KEPT_S`` ago at most."""
        kept = self._kept
        if kept is not None and 0 <= self._clock() - kept[0] <= KEPT_S:
            return kept[1]
        return self.read(settings)

    def _read_fixed(
        self, virt_type: str, cpu_mode: str | None
    ) -> collect.Around:
        connection = self._driver._host.get_connection()
        arch = os.uname().machine
        capabilities = _try("CPU", connection.getCapabilities) or ""
        domain = _try(
            "domain capabilities",
            lambda: connection.getDomainCapabilities(
                None, arch, None, virt_type, 0
            ),
        )
        return collect.Around(
            cpu=cpu.parse(
                capabilities,
                domain,
                _expanded(connection, arch, virt_type, domain),
            ),
            cpu_mode=cpu_mode,
            machine_types=cpu.machine_types(capabilities, arch),
            qemu=_version(_try("QEMU version", connection.getVersion)),
            libvirt=_version(
                _try("libvirt version", connection.getLibVersion)
            ),
            kernel=os.uname().release,
        )


def _expanded(
    connection: Any, arch: str, virt_type: str, domain: str | None
) -> str | None:
    """Return the host-model CPU with every feature spelled out."""
    model = cpu.host_model_xml(domain) if domain else None
    if model is None:
        return None
    text: str | None = _try(
        "CPU features",
        lambda: connection.baselineHypervisorCPU(
            None,
            arch,
            None,
            virt_type,
            [model],
            libvirt.VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES,
        ),
    )
    return text


def _try(what: str, read: Callable[[], _T]) -> _T | None:
    try:
        return read()
    except Exception as exc:
        LOG.warning("The %s of this host is unknown: %s", what, exc)
        return None


def _version(number: Any) -> str | None:
    """libvirt counts 1,000,000 * major + 1,000 * minor + micro."""
    if not isinstance(number, int) or number <= 0:
        return None
    major, rest = divmod(number, 1_000_000)
    return f"{major}.{rest // 1000}.{rest % 1000}"
