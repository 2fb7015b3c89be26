"""Facts of this host that only libvirt and Nova know."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from oslo_log import log as logging

from nova_livemig_gpu.facts import collect, cpu, stuns
from nova_livemig_gpu.facts.stuns import StunOf
from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.model import HostFacts
from nova_livemig_gpu.virt import guestcpus
from nova_livemig_gpu.virt.assigned import WithNova

LOG = logging.getLogger(__name__)

_T = TypeVar("_T")


#: What could not be read is tried again after so long.
RETRY_S = 60.0


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
    """Reads the facts of a host.

    What seldom changes, its CPU and what its QEMU can do, is read again when
    QEMU or libvirt was upgraded or libvirt restarted, and as long as
    something of it could not be read.

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
        self._software: _Software | None = None
        self._warned: set[str] = set()

    def read(self, settings: Settings) -> HostFacts:
        """Return the facts of now, without counts of migrations.

        Whoever decides by the room on a GPU must ask for these: a vGPU that
        was claimed a second ago is in them.
        """
        software = self._look(settings.virt_type, settings.cpu_mode)
        around = replace(
            software.around,
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
        return stuns.add(found, self._stun_of)

    def _look(self, virt_type: str, cpu_mode: str | None) -> "_Software":
        """Return what seldom changes; two short calls where it has not."""
        connection = self._driver._host.get_connection()
        versions = (
            self._try("QEMU version", connection.getVersion),
            self._try("libvirt version", connection.getLibVersion),
        )
        last, now_s = self._software, self._clock()
        if last is not None and last.of is connection:
            overdue = last.incomplete and now_s - last.read_s >= RETRY_S
            if last.versions == versions and not overdue:
                return last
        self._software = self._read_software(
            connection, versions, virt_type, cpu_mode
        )
        return self._software

    def _read_software(
        self,
        connection: Any,
        versions: tuple[Any, Any],
        virt_type: str,
        cpu_mode: str | None,
    ) -> "_Software":
        arch = os.uname().machine
        capabilities = self._try("CPU", connection.getCapabilities)
        domain = self._try(
            "domain capabilities",
            lambda: connection.getDomainCapabilities(
                None, arch, None, virt_type, 0
            ),
        )
        model = cpu.host_model_xml(domain) if domain else None
        expanded = None
        if model is not None:
            expanded = self._try(
                "CPU features",
                lambda: guestcpus.expand(connection, arch, virt_type, model),
            )
        around = collect.Around(
            cpu=cpu.parse(capabilities or "", domain, expanded),
            cpu_mode=cpu_mode,
            machine_types=cpu.machine_types(capabilities or "", arch),
            qemu=_version(versions[0]),
            libvirt=_version(versions[1]),
            kernel=os.uname().release,
        )
        incomplete = (
            capabilities is None
            or domain is None
            or (model is not None and expanded is None)
        )
        return _Software(
            connection, versions, around, incomplete, self._clock()
        )

    def _try(self, what: str, read: Callable[[], _T]) -> _T | None:
        """Return what could be read, else None, aloud once."""
        try:
            found = read()
        except Exception as exc:
            log = LOG.debug if what in self._warned else LOG.warning
            log("The %s of this host is unknown: %s", what, exc)
            self._warned.add(what)
            return None
        self._warned.discard(what)
        return found


@dataclass(frozen=True)
class _Software:
    """What was read of libvirt and QEMU, and of which.

    :ivar of: the connection, another one after libvirt was restarted
    :ivar incomplete: something could not be read
    :ivar read_s: when
    """

    of: Any
    versions: tuple[Any, Any]
    around: collect.Around
    incomplete: bool
    read_s: float


def _version(number: Any) -> str | None:
    """libvirt counts 1,000,000 * major + 1,000 * minor + micro."""
    if not isinstance(number, int) or number <= 0:
        return None
    major, rest = divmod(number, 1_000_000)
    return f"{major}.{rest // 1000}.{rest % 1000}"
