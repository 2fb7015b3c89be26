"""One forecast, put together from what is seen and what was learnt.

The driver before each migration and the command ``predict --server`` ask
here, so that they cannot disagree. What each part rests on is said in words
(``rests_on``).

    memory      pages that are not zero: what an earlier migration of the
                server has sent of it at most, and all that has become
                resident since; the largest of the newest 5 of the last 7
                days. Else, and never more, QEMU's resident memory, which is
                "at most"
    transport   see ``history.transports``
    curve       points of past migrations of the server, and what is measured
                now; none is an idle guest
    errors      what past predictions were wrong by corrects this one

Example: 512 MiB, 300 MiB resident; two attempts an hour ago, with as much
resident, sent 61 and 64 MiB: 64 MiB are not zero. With 310 MiB now: 74 MiB.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nova_livemig_gpu.history import queries, transports
from nova_livemig_gpu.history.store import History
from nova_livemig_gpu.model import (
    DirtyCurve,
    GuestMemory,
    Prediction,
    Stun,
)
from nova_livemig_gpu.prediction import calibration, merge
from nova_livemig_gpu.prediction import stun as stuns
from nova_livemig_gpu.prediction.merge import Observed

_MIB = 2**20


@dataclass(frozen=True)
class Memory:
    """What is not zero of a server, and how that is known."""

    pages: GuestMemory
    rests_on: str


class Outlook:
    """What a history makes of one server and its way."""

    def __init__(self, history: History | None, now: float | None = None):
        """:param history: None: nothing is remembered

        :param now: UNIX time; None: that of the clock
        """
        self._history = history
        self._now = time.time() if now is None else now

    def memory(self, server: str, resident: GuestMemory) -> Memory:
        """Return the pages of a server.

        :param resident: what QEMU has resident counts as not zero
        """
        sent = None
        if self._history is not None:
            sent = queries.normal_bytes(
                self._history, server, resident.normal_bytes, self._now
            )
        if sent is None or sent.value >= resident.normal_bytes:
            mib = resident.normal_bytes / _MIB
            return Memory(
                resident, f"memory: at most {mib:,.0f} MiB, QEMU's resident"
            )
        page = resident.page_size_bytes
        whole = resident.normal_pages + resident.zero_pages
        normal = min(max(sent.value, 0.0) / page, whole)
        return Memory(
            replace(resident, normal_pages=normal, zero_pages=whole - normal),
            f"memory: {normal * page / _MIB:,.0f} MiB, as earlier migrations "
            f"of this server have sent ({sent.count})",
        )

    def stun(self, vgpus: Sequence[stuns.VgpuUse]) -> Stun | None:
        """Return the stun of all these vGPUs; None: unknown, or no vGPU."""
        return stuns.stun(tuple(vgpus), self._stuns(vgpus))

    def spread(self, vgpus: Sequence[stuns.VgpuUse]) -> stuns.Spread | None:
        """Return the quantiles of that stun; None as there."""
        if not vgpus or any(v.framebuffer_bytes is None for v in vgpus):
            return None
        return stuns.spread(tuple(vgpus), self._stuns(vgpus))

    def _stuns(
        self, vgpus: Sequence[stuns.VgpuUse]
    ) -> tuple[stuns.StunSeen, ...]:
        if self._history is None:
            return ()
        return queries.stuns(self._history, [vgpu.key for vgpu in vgpus])

    def past(self, server: str) -> tuple[Observed, ...]:
        """Return the points of the curve that past migrations showed."""
        if self._history is None:
            return ()
        return queries.curve(self._history, server, self._now)

    def way(self, route: transports.Route) -> transports.Way:
        """Return what the server is sent over."""
        return transports.find(self._history, route, self._now)

    def corrected(self, given: Prediction) -> Prediction:
        """Return a prediction less what past ones were wrong by."""
        errors = (
            queries.errors(self._history, self._now) if self._history else ()
        )
        return calibration.correct(given, calibration.learn(errors))


def curve_of(
    seen: Sequence[Observed], memory: GuestMemory
) -> DirtyCurve | None:
    """Return the curve of a server; None: no point."""
    ceiling = max(memory.normal_bytes, memory.page_size_bytes)
    return merge.merge(seen, ceiling)


def rests_on_curve(seen: Sequence[Observed]) -> str:
    """Say where the points of a curve come from."""
    if not seen:
        return "dirty curve: none is known, an idle guest is assumed"
    counts: dict[str, int] = {}
    for each in seen:
        counts[each.source] = counts.get(each.source, 0) + 1
    words = ", ".join(f"{n} {name}" for name, n in counts.items())
    return f"dirty curve: {words} points"


def rests_on_stun(stun: Stun | None) -> tuple[str, ...]:
    """Say what a stun rests on; nothing where there is none."""
    if stun is None:
        return ()
    if stun.guess:
        return ("stun: a guess, no such GPU was seen to migrate from here",)
    return (f"stun: {stun.learnt_from} migrations of such a GPU from here",)
