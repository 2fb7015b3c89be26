"""What a migration is sent over: told, learnt, or the link's speed.

With n other migrations that leave the host,

    bandwidth   as given
                else learnt of the two hosts, / (n + 1)
                else the speed of their link, / (n + 1), an upper bound
                else ``bandwidth_mbps``
                and never more than ``bandwidth_mbps``
    P90         1.2816 sigma below the learnt one, 10% of it at least
    effect      of compression, multifd and TLS, learnt (``history.effects``),
                0.1 to 10; 1 where the learnt bandwidth is one with them.
                Above 1 it does not go beyond ``bandwidth_mbps`` and the
                link's speed
    overhead    as given; its P90 is 1.2816 learnt sigma above it

Missing data: without any bandwidth there is no transport, and the reason
says so; an effect that nobody has seen is 1, a spread that nobody has seen
is none. What is no positive, finite number is missing, and so is a bandwidth
of less than a byte per second.

Example: learnt 100 MB/s, one other migration, multifd seen at 1.6 times the
usual, ``bandwidth_mbps = 500``: 50 MB/s, effect 1.25.
"""

import math
from dataclasses import dataclass

from nova_livemig_gpu.history import effects, queries
from nova_livemig_gpu.history.entry import PLAIN, Settings
from nova_livemig_gpu.history.store import History
from nova_livemig_gpu.prediction.asked import Transport

#: Of a normal distribution: P90 is so many sigma from the middle.
_P90 = 1.2816
_LEAST_SHARE = 0.1
_LEAST_EFFECT, _MOST_EFFECT = 0.1, 10.0
_MBIT = 1e6 / 8
#: The pause of a switch to post-copy: a guess, its state is small.
SWITCH_MS = 50.0


@dataclass(frozen=True)
class Link:
    """The speed of the link between two hosts.

    :ivar whose: of which ends it is known, in words
    """

    mbps: float
    whose: str


@dataclass(frozen=True)
class Route:
    """The way of a migration.

    :ivar destination: None: not known
    :ivar server: its UUID
    :ivar overhead_ms: part of the pause that is not copying
    :ivar settings: what speeds it up or down
    :ivar running: migrations that leave the source already
    :ivar given_bps: bytes per second, by whoever asks; None: not given
    :ivar most_mbps: ``bandwidth_mbps``; None: no limit
    :ivar link: None: unknown
    """

    source: str
    destination: str | None
    server: str
    overhead_ms: float
    settings: Settings = PLAIN
    running: int = 0
    given_bps: float | None = None
    most_mbps: float | None = None
    link: Link | None = None
    switch_ms: float = SWITCH_MS
    queue_bytes: float = 0.0


@dataclass(frozen=True)
class Way:
    """A transport and what it rests on, in a sentence.

    :ivar transport: None: no bandwidth is known
    """

    transport: Transport | None
    rests_on: str


@dataclass(frozen=True)
class _Bandwidth:
    bps: float
    rests_on: str
    sigma_share: float | None = None
    plain: bool = True


def find(history: History | None, route: Route, now: float) -> Way:
    """Return what a migration is sent over.

    :param now: UNIX time
    """
    found = _bandwidth(history, route, now)
    if found is None or not found.bps >= 1:
        return Way(
            None,
            "no migration between these hosts is known, nor bandwidth_mbps "
            "set, nor the speed of their link",
        )
    effect, words = _effect(history, route, found, now)
    low = None
    if found.sigma_share is not None:
        share = max(1 - _P90 * found.sigma_share, _LEAST_SHARE)
        low = found.bps * share
    transport = Transport(
        found.bps,
        effect=effect,
        queue_bytes=route.queue_bytes,
        overhead_ms=route.overhead_ms,
        switch_ms=route.switch_ms,
        bandwidth_low_bps=low,
        overhead_p90_ms=_overhead_p90_ms(history, route, now),
    )
    return Way(transport, f"bandwidth: {found.rests_on}{words}")


def _bandwidth(
    history: History | None, route: Route, now: float
) -> _Bandwidth | None:
    found = _uncapped(history, route, now)
    most_bps = _bps(route.most_mbps)
    if most_bps is None:
        return found
    if found is None or found.bps > most_bps:
        share = found.sigma_share if found else None
        plain = found.plain if found else True
        return _Bandwidth(most_bps, "bandwidth_mbps, at most", share, plain)
    return found


def _uncapped(
    history: History | None, route: Route, now: float
) -> _Bandwidth | None:
    if route.given_bps is not None and _positive(route.given_bps):
        return _Bandwidth(route.given_bps, "given")
    return _learnt(history, route, now) or _of_link(route)


def _learnt(
    history: History | None, route: Route, now: float
) -> _Bandwidth | None:
    if history is None or not route.destination:
        return None
    known = queries.bandwidth_bps(
        history, route.source, route.destination, now
    )
    parts = route.running + 1
    if known is None or not _positive(known.value) or known.value < parts:
        return None
    sigma = known.sigma
    return _Bandwidth(
        known.value / parts,
        f"migrations between these hosts ({known.count}){_shared(route)}",
        None if sigma is None else sigma / known.value,
        known.plain,
    )


def _of_link(route: Route) -> _Bandwidth | None:
    link_bps = _bps(route.link.mbps) if route.link else None
    if route.link is None or link_bps is None:
        return None
    return _Bandwidth(
        link_bps / (route.running + 1),
        f"at most, {route.link.mbps:g} Mbit/s of the link "
        f"({route.link.whose}){_shared(route)}; no migration between these "
        "hosts is known",
    )


def _shared(route: Route) -> str:
    return f", shared with {route.running} others" if route.running else ""


def _effect(
    history: History | None, route: Route, found: _Bandwidth, now: float
) -> tuple[float, str]:
    if history is None or not found.plain or route.given_bps is not None:
        return 1.0, ""
    settings = route.settings
    if not (settings.compression or settings.channels or settings.tls):
        return 1.0, ""
    effect = effects.effect(
        history,
        settings,
        route.server,
        (route.source, route.destination),
        now,
    )
    if effect is None or not _positive(effect):
        return 1.0, "; no effect of compression, multifd or TLS is known"
    effect = min(max(effect, _LEAST_EFFECT), _MOST_EFFECT)
    link_bps = _bps(route.link.mbps) if route.link else None
    for cap_bps in (
        _bps(route.most_mbps),
        link_bps and link_bps / (route.running + 1),
    ):
        if cap_bps is not None and effect > 1:
            effect = max(min(effect, cap_bps / found.bps), 1.0)
    return effect, f"; {effect:.2f} times that by compression, multifd or TLS"


def _overhead_p90_ms(
    history: History | None, route: Route, now: float
) -> float | None:
    known = queries.overhead_ms(history, now) if history else None
    if known is None or known.sigma is None or not known.sigma >= 0:
        return None
    return route.overhead_ms + _P90 * known.sigma


def _bps(mbps: float | None) -> float | None:
    bps = None if mbps is None else mbps * _MBIT
    return bps if _positive(bps) else None


def _positive(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value > 0
