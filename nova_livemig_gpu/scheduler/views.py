"""Decodes the facts in the stats of hosts, once for each changed string.

Nova builds its HostState objects and the strings in their stats anew for
each request (nova/scheduler/host_manager.py, ``_get_host_states``), so what
was decoded is kept by the compute node's UUID.

A host is known by its short string alone (:mod:`facts.now`): it names the
long one (:mod:`facts.base`) by a digest of its content, and ends with a
check of its own. While the short one is the same, so is the content of the
long one, which is not looked at again. Where the short one has changed, a
base is decoded only if none of that digest is known. So hosts with equal
bases share one, and different bases share what is equal in them.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from itertools import compress
from operator import ne
from typing import Any, Protocol, TypeVar

from nova_livemig_gpu.facts import base, now
from nova_livemig_gpu.facts.base import Base
from nova_livemig_gpu.facts.envelope import Malformed
from nova_livemig_gpu.facts.now import Now
from nova_livemig_gpu.scheduler.table import Table

_T = TypeVar("_T", bound=Hashable)

_MOST_HOSTS = 100_000
_MOST_BASES = 20_000
_MOST_PARTS = 50_000


class Host(Protocol):
    """What is read of a nova.scheduler.host_manager.HostState."""

    uuid: str | None
    stats: Mapping[str, Any]


#: What could not be read is equal to nothing: it is read again.
_NAN = float("nan")


class _Last:
    """What the last request has found, and from which strings."""

    def __init__(self, table: Table, nows: list[object]) -> None:
        self.table = table
        self.nows = nows

    @classmethod
    def nothing(cls, count: int) -> "_Last":
        """Return what fits no host."""
        return cls(Table.of([None] * count), [_NAN] * count)

    def copy(self) -> "_Last":
        return _Last(self.table.copy(), self.nows.copy())

    def put(self, at: int, view: Now | None) -> None:
        """Replace what is known of one host."""
        self.table.put(at, view)
        self.nows[at] = _NAN if view is None else view.text


class Views:
    """The decoded facts of all hosts, kept from request to request."""

    def __init__(self) -> None:
        self._hosts: dict[str | None, Now] = {}
        self._last = _Last.nothing(0)
        self._bases: dict[str, Base] = {}
        self._parts: dict[Hashable, Any] = {}

    def look(self, hosts: Sequence[Any]) -> Table:
        """Return the facts of each host. Never raises.

        The table is the next request's, too: whoever changes it copies it.

        Most of the time goes into waiting for memory, host by host; so this
        is several short loops, in which the processor can run ahead.
        Comparing is cheaper than hashing strings that are new.
        """
        try:
            stats = [host.stats for host in hosts]
            nows = [each.get(now.KEY) for each in stats]
        except AttributeError:
            return Table.of(self._one(host) for host in hosts)
        last = self._guess(len(hosts))
        wrong = list(compress(range(len(hosts)), map(ne, nows, last.nows)))
        if wrong:
            last = last.copy()
            for at in wrong:
                last.put(at, self._find(hosts[at], stats[at]))
            self._last = last
        return last.table

    def _one(self, host: Host) -> Now | None:
        try:
            return self._find(host, host.stats)
        except AttributeError:
            # A HostState whose node has not told its stats yet.
            return None

    def _guess(self, count: int) -> "_Last":
        """Return what each host may be: what stood in its place last time.

        Nova mostly lists the same hosts in the same order, and a wrong guess
        is seen at once.
        """
        last = self._last
        return last if len(last.nows) == count else _Last.nothing(count)

    def _find(self, host: Host, stats: Mapping[str, Any]) -> Now | None:
        view = self._hosts.get(host.uuid)
        if view is None or stats.get(now.KEY) != view.text:
            return self._decode(host, stats)
        return view

    def _decode(self, host: Host, stats: Mapping[str, Any]) -> Now | None:
        try:
            text = stats.get(now.KEY)
            digest = now.digest_of_base(text)
            view = now.decode(text, self._base(digest, stats))
            view.load = self._shared(view.load)
            view.totals = self._shared(view.totals)
        except Malformed:
            self._hosts.pop(host.uuid, None)
            return None
        if len(self._hosts) >= _MOST_HOSTS:
            self._hosts.clear()
        if len(self._parts) >= _MOST_PARTS:
            self._parts.clear()
        self._hosts[host.uuid] = view
        return view

    def _base(self, digest: str, stats: Mapping[str, Any]) -> Base:
        found = self._bases.get(digest)
        if found is None:
            found = base.decode(stats.get(base.KEY))
            self._share(found)
            if len(self._bases) >= _MOST_BASES:
                self._bases.clear()
                self._parts.clear()
            self._bases[found.digest] = found
        return found

    def _share(self, found: Base) -> None:
        facts = found.facts
        found.facts = replace(
            facts,
            cpu=self._shared(facts.cpu),
            machine_types=self._shared(facts.machine_types),
        )
        found.models = tuple(map(self._shared, found.models))
        found.addresses = self._shared(found.addresses)
        found.model_of = self._shared(found.model_of)

    def _shared(self, part: _T) -> _T:
        shared: _T = self._parts.setdefault(part, part)
        return shared
