"""What of a host changes by the minute, in a short string.

Under the key ``livemig_gpu_now``::

    2.<digest>.<out>.<in>.<link>.<counts>.<check>

``digest`` names the base (see :mod:`.base`) that it belongs to; ``out`` and
``in`` count the live migrations that run, ``link`` is in Mbit/s, "-" where
unknown (a link of 0 would be none). ``counts`` has one character for each
type of each GPU, in the order of the base: how many more servers can have
such a vGPU (``model.VgpuType.room``), 0-9 a-z A-Y, "Z" for 61 and more, "+"
for one at least and perhaps more, "-" where unknown. ``check`` is the CRC-32
of all before it. Version 1 has no "+".

Earlier releases wrote what can be created, without the idle vGPUs that exist:
never more than there is room for.
"""

import zlib
from typing import Any, NamedTuple

from nova_livemig_gpu.facts.base import Base, sorted_gpus
from nova_livemig_gpu.facts.envelope import Malformed, digest_of
from nova_livemig_gpu.model import HostFacts, VgpuType

KEY = "livemig_gpu_now"
VERSION = "2"

#: In ``totals``: what is certain; 127: that many and more.
CERTAIN = 0x7F
#: In ``totals``: whether there are more than these is unknown.
OR_MORE = 0x80

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_AT_LEAST_ONE, _UNKNOWN = "+", "-"
#: What can stand for a count, by version.
_COUNTS = {
    "1": frozenset(_DIGITS + _UNKNOWN),
    "2": frozenset(_DIGITS + _UNKNOWN + _AT_LEAST_ONE),
}
_MOST_TEXT = 16_384
_MOST_DIGITS = 12


class Load(NamedTuple):
    """What the network of a host has to do with migrations.

    :ivar running_out: live migrations that leave it now
    :ivar running_in: live migrations that come to it now
    :ivar link_mbps: speed of the link that they take, 10**6 bit/s
    """

    running_out: int | None = None
    running_in: int | None = None
    link_mbps: int | None = None


class Now:
    """The part of a host's facts that changes by the minute, decoded.

    :ivar text: the string it was decoded from
    :ivar base: what it belongs to
    :ivar load: migrations out and in, link in Mbit/s
    :ivar totals: for each type of each model of the base, how many more
        there is room for on all GPUs of that model: ``CERTAIN`` bits and
        ``OR_MORE``
    """

    __slots__ = ("base", "load", "text", "totals")

    def __init__(
        self, text: str, base: Base, load: Load, totals: bytes
    ) -> None:
        self.text = text
        self.base = base
        self.load = load
        self.totals = totals


def encode(facts: HostFacts, base_text: str) -> str:
    """Return the string of a host, for the string of its base."""
    counts = "".join(
        _digit(each) for gpu in sorted_gpus(facts) for each in gpu.types
    )
    body = ".".join(
        (
            VERSION,
            digest_of(base_text),
            _number_text(facts.migrations_out),
            _number_text(facts.migrations_in),
            _number_text(facts.link_mbps),
            counts,
        )
    )
    return f"{body}.{_check(body)}"


def digest_of_base(text: Any) -> str:
    """Return the digest of the base that a string belongs to.

    :raises Malformed: it is no string of ours
    """
    return _parts(text)[1]


def decode(text: Any, base: Base) -> Now:
    """:raises Malformed: it is no string of ours, or of another base"""
    version, digest, out, into, link, counts, _ = _parts(text)
    if version not in _COUNTS or digest != base.digest:
        raise Malformed("unknown version, or of another base")
    if not _COUNTS[version].issuperset(counts):
        raise Malformed("not a count")
    return Now(
        text,
        base,
        Load(_number(out), _number(into), _number(link) or None),
        _totals(counts, base),
    )


class Count(NamedTuple):
    """How many more servers can have a type, see :class:`VgpuType`."""

    creatable: int | None
    or_more: bool = False


def counts(now: Now) -> tuple[tuple[Count, ...], ...]:
    """Return for each GPU how many more of each type servers can have."""
    text = _parts(now.text)[5]
    found = []
    at = 0
    for index in now.base.model_of:
        end = at + len(now.base.models[index].types)
        found.append(tuple(map(_count, text[at:end])))
        at = end
    return tuple(found)


def _parts(text: Any) -> list[str]:
    if not isinstance(text, str) or len(text) > _MOST_TEXT:
        raise Malformed("not a string, or too long")
    parts = text.split(".")
    if len(parts) != 7:
        raise Malformed("not seven parts")
    if _check(text[: -len(parts[6]) - 1]) != parts[6]:
        raise Malformed("cut or changed")
    return parts


def _check(body: str) -> str:
    return f"{zlib.crc32(body.encode('utf-8', 'replace')):08x}"


def _digit(each: VgpuType) -> str:
    room = each.room
    if room.vgpus is None or room.vgpus < 0:
        return _UNKNOWN
    if room.or_more:
        return _AT_LEAST_ONE
    return _DIGITS[min(room.vgpus, len(_DIGITS) - 1)]


def _count(digit: str) -> Count:
    if digit == _AT_LEAST_ONE:
        return Count(1, or_more=True)
    return Count(_VALUES.get(digit))


def _number_text(value: int | None) -> str:
    return "-" if value is None else str(value)


def _number(text: str) -> int | None:
    if text == "-":
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise Malformed("not a number")
    return int(text)


def _totals(counts: str, base: Base) -> bytes:
    if len(counts) != sum(len(base.models[i].types) for i in base.model_of):
        raise Malformed("not one count for each type")
    size = sum(len(model.types) for model in base.models)
    totals = [0] * size
    at = 0
    for index in base.model_of:
        start = base.starts[index]
        for slot in range(start, start + len(base.models[index].types)):
            totals[slot] = _added(totals[slot], _count(counts[at]))
            at += 1
    return bytes(totals)


def _added(total: int, count: Count) -> int:
    certain = min((total & CERTAIN) + (count.creatable or 0), CERTAIN)
    beyond = count.or_more or count.creatable is None
    return certain | (total & OR_MORE) | (OR_MORE if beyond else 0)
