"""The speed of the link that live migrations come in by.

It is that of the network interface that carries the address which sources
are told to connect to. The kernel tells it in
``/sys/class/net/<interface>/speed`` (Documentation/ABI/testing/
sysfs-class-net of Linux) in Mbit/s; -1, an error or an absurd number mean
that it does not know: unknown then, never a guess. For a bond it is the sum
of its ports, for a VLAN that of the interface below.

Example: ``live_migration_inbound_addr = 192.0.2.7``, which is on ``ens3f0``,
whose ``speed`` reads "25000": 25,000 Mbit/s.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import psutil
from oslo_log import log as logging

LOG = logging.getLogger(__name__)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: Name of an interface -> its addresses, as text.
Interfaces = Mapping[str, Iterable[str]]

#: 10 Tbit/s; an unsigned -1 is more.
_MOST_MBPS = 10_000_000


def interfaces() -> Interfaces:
    """Return the interfaces of this host with their IP addresses."""
    return {
        name: [
            each.address
            for each in addresses
            if each.family in (socket.AF_INET, socket.AF_INET6)
        ]
        for name, addresses in psutil.net_if_addrs().items()
    }


def resolve(name: str) -> list[str]:
    """Return the addresses of a host name.

    :raises OSError: it has none
    """
    return [str(found[4][0]) for found in socket.getaddrinfo(name, None)]


class Link:
    """Reads the speed of one link.

    :param root: where sysfs is mounted
    :param interfaces: name of each interface -> its addresses
    :param resolve: host name -> its addresses; asked once for each name
    """

    def __init__(
        self,
        root: Path = Path("/sys"),
        interfaces: Callable[[], Interfaces] = interfaces,
        resolve: Callable[[str], Iterable[str]] = resolve,
    ) -> None:
        self._root = root
        self._interfaces = interfaces
        self._resolve = resolve
        self._resolved: dict[str, frozenset[Address]] = {}

    def speed_mbps(self, address: str) -> int | None:
        """Return Mbit/s; None: unknown.

        :param address: of this host, or a name for it
        """
        wanted = self._addresses(address)
        for name, carried in self._interfaces().items():
            if wanted & _parsed(carried):
                return self._speed(name)
        return None

    def _speed(self, interface: str) -> int | None:
        try:
            text = (self._root / "class/net" / interface / "speed").read_text()
            speed_mbps = int(text)
        except (OSError, ValueError):
            return None
        return speed_mbps if 0 < speed_mbps <= _MOST_MBPS else None

    def _addresses(self, address: str) -> frozenset[Address]:
        literal = _parsed([address])
        if literal:
            return literal
        if address not in self._resolved:
            self._resolved[address] = self._look_up(address)
        return self._resolved[address]

    def _look_up(self, name: str) -> frozenset[Address]:
        try:
            return _parsed(self._resolve(name))
        except (OSError, ValueError) as exc:
            LOG.warning(
                "The address of %s, which live migrations come in by, is "
                "unknown, and with it the speed of their link: %s. "
                "[livemig_gpu] link_mbps can tell it.",
                name,
                exc,
            )
            return frozenset()


def _parsed(texts: Iterable[str]) -> frozenset[Address]:
    found = set()
    for text in texts:
        try:
            found.add(ipaddress.ip_address(text.partition("%")[0]))
        except ValueError:
            continue
    return frozenset(found)
