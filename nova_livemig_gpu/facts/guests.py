"""What CPUs the servers of a host have.

Sealed (see :mod:`.envelope`) under the key ``livemig_gpu_guests``, as a
list::

    [digest of the base,
     null (unknown) or [kinds, [[server, index in kinds], ...]]]

    kind  [architecture, "kvm" or "qemu", machine type, vendor,
           null (unknown) or [[features of the host's that it lacks],
                              [features beyond the host's]],
           passthrough, TSC Hz]

Most servers of a host have the same few CPUs, and these are nearly the
host's.
"""

from dataclasses import replace
from typing import Any

from nova_livemig_gpu.facts import checked, envelope
from nova_livemig_gpu.facts.base import Base
from nova_livemig_gpu.facts.envelope import Malformed
from nova_livemig_gpu.model import CpuFacts, GuestCpu, HostFacts

KEY = "livemig_gpu_guests"
VERSION = "1"

#: Versions of the base beside which there is no such string.
_WITHOUT = frozenset({"1", "2"})


def encode(facts: HostFacts, base_text: str) -> str:
    """Return the string of a host, for the string of its base."""
    return envelope.seal(
        [envelope.digest_of(base_text), _rows(facts)], VERSION
    )


def _rows(facts: HostFacts) -> list[Any] | None:
    if facts.guests is None:
        return None
    of_host = _features(facts.cpu)
    kinds: dict[GuestCpu, list[Any]] = {}
    for guest in facts.guests:
        kind = replace(guest, server="")
        kinds.setdefault(kind, _kind(kind, of_host))
    order = sorted(kinds, key=lambda kind: repr(kinds[kind]))
    index = {kind: at for at, kind in enumerate(order)}
    servers = sorted(
        [guest.server, index[replace(guest, server="")]]
        for guest in facts.guests
    )
    return [[kinds[kind] for kind in order], servers]


def _kind(guest: GuestCpu, of_host: frozenset[str]) -> list[Any]:
    features = guest.features
    return [
        guest.arch,
        guest.virt_type,
        guest.machine_type,
        guest.vendor,
        None
        if features is None
        else [sorted(of_host - features), sorted(features - of_host)],
        guest.passthrough,
        guest.tsc_hz,
    ]


def decode(text: Any, base: Base) -> tuple[GuestCpu, ...] | None:
    """Return the CPUs of the servers, by server; None: unknown.

    :raises Malformed: it is no string of ours, or of another base
    """
    if base.version in _WITHOUT:
        return None
    _, value = envelope.unseal(text, {VERSION})
    digest, body = checked.row(value, 2)
    if digest != base.digest:
        raise Malformed("of another base")
    if body is None:
        return None
    kinds, servers = checked.row(body, 2)
    of_host = _features(base.facts.cpu)
    known = [_guest(each, of_host) for each in checked.rows(kinds)]
    return tuple(_server(each, known) for each in checked.rows(servers))


def _guest(value: Any, of_host: frozenset[str]) -> GuestCpu:
    row = checked.row(value, 7)
    features = None
    if row[4] is not None:
        lacks, more = checked.row(row[4], 2)
        features = (of_host - set(checked.texts(lacks))) | set(
            checked.texts(more)
        )
    passthrough = checked.truth_or_none(row[5])
    if passthrough is None:
        raise Malformed("true or false is missing")
    return GuestCpu(
        server="",
        arch=checked.text_or_none(row[0]),
        virt_type=checked.text_or_none(row[1]),
        machine_type=checked.text_or_none(row[2]),
        vendor=checked.text_or_none(row[3]),
        features=features,
        passthrough=passthrough,
        tsc_hz=checked.number_or_none(row[6]),
    )


def _server(value: Any, known: list[GuestCpu]) -> GuestCpu:
    server, number = checked.row(value, 2)
    index = checked.number(number)
    if index >= len(known):
        raise Malformed("a server without a CPU")
    return replace(known[index], server=checked.text(server))


def _features(cpu: CpuFacts | None) -> frozenset[str]:
    return frozenset() if cpu is None else cpu.features
