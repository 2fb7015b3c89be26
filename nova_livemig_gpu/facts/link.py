"""The speed of the link that live migrations come in by.

It is that of the network interface that carries the address which sources
are told to connect to. The kernel tells it in
``/sys/class/net/<interface>/speed`` (Documentation/ABI/testing/
sysfs-class-net of Linux) in Mbit/s; -1, an error or an absurd number mean
that it does not know: unknown then, never a guess.

Only a device's word counts. The kernel makes up a speed for an interface
that has none (every veth is 10,000, a tap 10 or 10,000), so what an interface
without a ``device`` says is not believed; the interfaces below it are asked:

=====================  ====================================================
device                 its ``speed``
bond                   its own ``speed``, which is made of its ports', where
                       each of those rests on a device
VLAN, bridge, and so   that of the one interface below that is known; several
on                     known ones are no answer
veth, tap, OVS, none   unknown
below
=====================  ====================================================

Examples: ``live_migration_inbound_addr = 192.0.2.7``, which is on ``ens3f0``,
whose ``speed`` reads "25000": 25,000 Mbit/s. On a bridge over ``ens3f0`` and
some taps: 25,000 as well.
"""

import ipaddress
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import psutil

from nova_livemig_gpu.gpu.backoff import Backoff
from nova_livemig_gpu.gpu.once import Once

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: Name of an interface -> its addresses, as text.
Interfaces = Mapping[str, Iterable[str]]

#: 10 Tbit/s; an unsigned -1 is more.
_MOST_MBPS = 10_000_000
#: More interfaces than this are not stacked.
_MOST_FLOORS = 8
#: After a name could not be resolved it is asked again: first so many
#: seconds later, then twice as many each time, up to the last.
_AGAIN_S = (60.0, 3600.0)


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
    :param resolve: host name -> its addresses; not asked again for a name
        that has some, and seldom for one that has none
    :param clock: seconds
    """

    def __init__(
        self,
        root: Path = Path("/sys"),
        interfaces: Callable[[], Interfaces] = interfaces,
        resolve: Callable[[str], Iterable[str]] = resolve,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._interfaces = interfaces
        self._resolve = resolve
        self._clock = clock
        self._resolved: dict[str, frozenset[Address]] = {}
        self._unresolved: dict[str, Backoff] = {}
        self._once = Once()

    def speed_mbps(self, address: str) -> int | None:
        """Return Mbit/s; None: unknown.

        :param address: of this host, or a name for it
        """
        literal = _parsed([address])
        if literal:
            name = self._carrier(literal)
        else:
            name = self._carrier_of_name(address)
        return None if name is None else self._speed(name)

    def _carrier(self, addresses: frozenset[Address]) -> str | None:
        for name, carried in self._interfaces().items():
            if addresses & _parsed(carried):
                return name
        return None

    def _carrier_of_name(self, name: str) -> str | None:
        """Only an answer that is an address of this host is kept."""
        kept = self._resolved.get(name)
        if kept is not None and (carrier := self._carrier(kept)) is not None:
            return carrier
        again = self._unresolved.setdefault(
            name, Backoff(*_AGAIN_S, clock=self._clock)
        )
        if not again.due():
            return None
        addresses = self._look_up(name)
        carrier = self._carrier(addresses)
        if carrier is None:
            again.failed()
            return None
        self._resolved[name] = addresses
        del self._unresolved[name]
        self._once.over(name, f"The address of {name} is known now")
        return carrier

    def _speed(self, interface: str, floors: int = _MOST_FLOORS) -> int | None:
        folder = self._folder(interface)
        if (folder / "device").exists():
            return _read_speed(folder)
        if floors == 0:
            return None
        if (folder / "bonding").exists():
            real = self._rests_on_devices(interface, floors)
            return _read_speed(folder) if real else None
        below = [self._speed(each, floors - 1) for each in _below(folder)]
        known = [speed for speed in below if speed is not None]
        return known[0] if len(known) == 1 else None

    def _rests_on_devices(self, interface: str, floors: int) -> bool:
        folder = self._folder(interface)
        if (folder / "device").exists():
            return True
        below = _below(folder) if floors else []
        return bool(below) and all(
            self._rests_on_devices(each, floors - 1) for each in below
        )

    def _folder(self, interface: str) -> Path:
        return self._root / "class/net" / interface

    def _look_up(self, name: str) -> frozenset[Address]:
        try:
            addresses = _parsed(self._resolve(name))
            return frozenset(a for a in addresses if not a.is_loopback)
        except (OSError, ValueError) as exc:
            self._once.warn(
                name,
                f"The address of {name}, which live migrations come in by, "
                f"is unknown, and with it the speed of their link: {exc}. "
                "[livemig_gpu] link_mbps can tell it.",
            )
            return frozenset()


def _below(folder: Path) -> list[str]:
    """Return the interfaces that one is made of."""
    return [
        path.name.removeprefix("lower_") for path in folder.glob("lower_*")
    ]


def _read_speed(folder: Path) -> int | None:
    try:
        speed_mbps = int((folder / "speed").read_text())
    except (OSError, ValueError):
        return None
    return speed_mbps if 0 < speed_mbps <= _MOST_MBPS else None


def _parsed(texts: Iterable[str]) -> frozenset[Address]:
    found = set()
    for text in texts:
        try:
            found.add(ipaddress.ip_address(text.partition("%")[0]))
        except ValueError:
            continue
    return frozenset(found)
