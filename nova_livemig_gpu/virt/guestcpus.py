"""The CPUs that the servers of this host run with."""

from dataclasses import replace
from typing import Any

import libvirt
from oslo_log import log as logging

from nova_livemig_gpu.facts import cpu, guest_cpu
from nova_livemig_gpu.model import GuestCpu

LOG = logging.getLogger(__name__)


def expand(
    connection: Any, arch: str | None, virt_type: str | None, named: str
) -> str:
    """Return a named CPU with every feature spelled out.

    Only libvirt knows what a model implies.

    :param named: a ``<cpu>``, see ``cpu.named_cpu_xml``
    :raises libvirtError: libvirt cannot tell, as for most architectures
    """
    text: str = connection.baselineHypervisorCPU(
        None,
        arch,
        None,
        virt_type,
        [named],
        libvirt.VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES,
    )
    return text


class GuestCpus:
    """Reads them; each domain once, for its CPU stays until it stops.

    A domain has another ID after each start.
    """

    def __init__(self, driver: Any) -> None:
        """:param driver: Nova's; its ``_host`` knows the domains"""
        self._driver = driver
        self._known: dict[tuple[str, int], GuestCpu] = {}
        self._features: dict[tuple[Any, ...], frozenset[str]] = {}

    def read(self) -> tuple[GuestCpu, ...] | None:
        """Return the CPUs of all running servers, by server; None: unknown.
        Never raises."""
        try:
            known = {}
            for guest in self._driver._host.list_guests(only_running=True):
                key = (guest.uuid, guest.id)
                found = self._known.get(key) or self._look(guest)
                if found is not None:
                    known[key] = found
        except Exception as exc:
            LOG.warning("The CPUs of this host's servers are unknown: %s", exc)
            return None
        self._known = known
        return tuple(known[key] for key in sorted(known))

    def _look(self, guest: Any) -> GuestCpu | None:
        """Return the CPU of a domain; None: it has stopped meanwhile."""
        try:
            found = guest_cpu.parse(guest.get_xml_desc())
        except Exception as exc:
            LOG.debug("The CPU of %s is unknown: %s", guest.uuid, exc)
            return None
        if found is None:
            return None
        told, named = found
        if named is None:
            return told
        features = self._spelled_out(told, named)
        return replace(told, features=features or None)

    def _spelled_out(self, told: GuestCpu, named: str) -> frozenset[str]:
        key = (told.arch, told.virt_type, named)
        if key not in self._features:
            self._features[key] = self._ask(told, named)
        return self._features[key]

    def _ask(self, told: GuestCpu, named: str) -> frozenset[str]:
        try:
            text = expand(
                self._driver._host.get_connection(),
                told.arch,
                told.virt_type,
                named,
            )
        except Exception as exc:
            LOG.debug(
                "libvirt does not tell the features of %s: %s", named, exc
            )
            return frozenset()
        return cpu.features(text)
