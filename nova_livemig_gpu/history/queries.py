"""What the history answers. Nothing here raises; unknown is None or empty.

Of each quantity the newest 20 migrations count that say something. The value
is their median, each weighted by its age: the weight halves every week. Sigma
is 1.4826 times the weighted median of the distances from it (for a normal
distribution that is the standard deviation), so that an outlier in five does
no harm.

    bandwidth   of source and destination; else of the way back; migrations
                without compression, multifd and TLS, unless there are none
    memory      the largest of the newest 5 migrations of a server of the
                last 7 days that tell
    curve       points of the newest 5 migrations of a server that have any,
                with the time since added to their age
    stuns       the newest 200 of each GPU
    overhead    of pre-copy that ended by its limit, on any path
    errors      of the newest 50 predictions of completed migrations

The newest are those that ended last, up to now: what ended in the future was
stamped by a clock that was ahead. That is asked only where nothing else is
known (or the clock is behind now), the newest of it then being as good as new.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nova_livemig_gpu.history import rows
from nova_livemig_gpu.history.store import AHEAD_S, History
from nova_livemig_gpu.prediction.calibration import Error
from nova_livemig_gpu.prediction.merge import Observed
from nova_livemig_gpu.prediction.stun import StunKey, StunSeen

LAST = 20
_LAST_CURVES = 5
_LAST_STUNS = 200
_LAST_ERRORS = 50
_LAST_MEMORIES = 5
_FRESH_MEMORY_S = 7 * 86400.0
_HALF_LIFE_S = 7 * 86400.0
_NORMAL = 1.4826
_MOST_HALVINGS = 60.0


@dataclass(frozen=True)
class Known:
    """A quantity with its spread.

    :ivar value: the median
    :ivar sigma: standard deviation, robust; None: one value only
    :ivar count: how many migrations say so
    :ivar plain: of a bandwidth: without compression, multifd and TLS
    """

    value: float
    sigma: float | None
    count: int
    plain: bool = True


#: Of two hosts, by their names.
PAIR = (
    "source = (SELECT id FROM hosts WHERE name = ?)"
    " AND destination = (SELECT id FROM hosts WHERE name = ?)"
)


def newest(
    history: History,
    question: str,
    values: Sequence[object],
    now: float,
    limit: int = LAST,
) -> list[tuple[Any, ...]]:
    """Answer a query for the newest entries.

    :param question: up to its conditions, at least one
    :param now: UNIX time
    """
    for when in ("<=", ">"):
        found = history.select(
            f"{question} AND ended_at {when} ? ORDER BY ended_at DESC LIMIT ?",
            (*values, now + AHEAD_S, limit),
        )
        if found:
            return found
    return []


def bandwidth_bps(
    history: History, source: str, destination: str, now: float
) -> Known | None:
    """Bytes per second of a host pair, one plain stream; None: unknown."""
    for pair in ((source, destination), (destination, source)):
        for plain in (1, 0):
            found = newest(
                history,
                f"SELECT bandwidth_bps, ended_at FROM entries WHERE {PAIR}"
                " AND plain = ? AND bandwidth_bps IS NOT NULL",
                (*pair, plain),
                now,
            )
            known = _known(found, now)
            if known is not None:
                return replace(known, plain=bool(plain))
    return None


def normal_bytes(
    history: History, server: str, resident_bytes: float, now: float
) -> Known | None:
    """Memory of a server that is not zero, at most; None: unknown.

    What has become resident since counts as not zero. Where less is resident
    than was then, QEMU is another one, and nothing is known.

    :param resident_bytes: QEMU's resident memory now
    """
    found = history.select(
        "SELECT normal_bytes + ? - resident_bytes FROM entries"
        " WHERE server = ? AND normal_bytes > 0 AND resident_bytes <= ?"
        " AND ended_at BETWEEN ? AND ? ORDER BY ended_at DESC LIMIT ?",
        (
            resident_bytes,
            rows.key(server),
            resident_bytes,
            now - _FRESH_MEMORY_S,
            now + AHEAD_S,
            _LAST_MEMORIES,
        ),
    )
    if not found:
        return None
    return Known(max(value for (value,) in found), None, len(found))


def curve(history: History, server: str, now: float) -> tuple[Observed, ...]:
    """Points of f(t) that past migrations of a server showed, aged."""
    found = newest(
        history,
        "SELECT points, ended_at FROM entries WHERE server = ?"
        " AND points IS NOT NULL",
        (rows.key(server),),
        now,
        _LAST_CURVES,
    )
    return tuple(
        replace(
            point,
            # One from the future is not fresh, whatever its age is.
            age_s=point.age_s + abs(now - ended_at),
            source="history",
        )
        for points, ended_at in found
        for point in rows.points_of(points)
    )


def stuns(history: History, keys: Iterable[StunKey]) -> tuple[StunSeen, ...]:
    """Stuns seen on the GPUs of these keys."""
    seen = []
    for gpu in sorted({key.gpu for key in keys}):
        seen += history.select(
            "SELECT gpu, vgpu_type, driver, link_mbps, framebuffer_bytes,"
            " stun_s, vgpus FROM stuns WHERE gpu = ?"
            " ORDER BY entry DESC LIMIT ?",
            (gpu, _LAST_STUNS),
        )
    return tuple(
        StunSeen(StunKey(*key), framebuffer, stun_s, vgpus)
        for *key, framebuffer, stun_s, vgpus in seen
    )


def overhead_ms(history: History, now: float) -> Known | None:
    """Part of the pause that is neither memory nor devices."""
    return _known(
        newest(
            history,
            "SELECT overhead_ms, ended_at FROM entries"
            " WHERE overhead_ms IS NOT NULL",
            (),
            now,
        ),
        now,
    )


def queue_bytes(
    history: History,
    source: str,
    destination: str,
    now: float | None = None,
) -> Known | None:
    """What was in the source's socket when the guest stopped.

    :param now: UNIX time; None: that of the clock
    """
    now = time.time() if now is None else now
    found = newest(
        history,
        f"SELECT queue_bytes, ended_at FROM entries WHERE {PAIR}"
        " AND queue_bytes IS NOT NULL",
        (source, destination),
        now,
    )
    return _known(found, now)


def errors(history: History, now: float | None = None) -> tuple[Error, ...]:
    """What was predicted and what came, the newest first.

    :param now: UNIX time; None: that of the clock
    """
    found = newest(
        history,
        "SELECT model_total_s, total_s, model_downtime_ms, downtime_ms"
        " FROM entries WHERE model_total_s IS NOT NULL",
        (),
        time.time() if now is None else now,
        _LAST_ERRORS,
    )
    return tuple(Error(*row) for row in found)


def _known(found: Sequence[tuple[float, float]], now: float) -> Known | None:
    if not found:
        return None
    # Ages count from the newest, where that is in the future.
    now = max([now, *(ended_at for _, ended_at in found)])
    weighted = [(value, _weight(now - ended_at)) for value, ended_at in found]
    middle = _median(weighted)
    if len(found) == 1:
        return Known(middle, None, 1)
    off = _median([(abs(value - middle), w) for value, w in weighted])
    return Known(middle, _NORMAL * off, len(found))


def _weight(age_s: float) -> float:
    halvings = age_s / _HALF_LIFE_S
    return float(2.0 ** -min(halvings, _MOST_HALVINGS))


def _median(weighted: Sequence[tuple[float, float]]) -> float:
    """The value with half of the weight on either side."""
    ordered = sorted(weighted)
    half = sum(weight for _, weight in ordered) / 2
    below = 0.0
    for n, (value, weight) in enumerate(ordered):
        below += weight
        if below == half and n + 1 < len(ordered):
            return (value + ordered[n + 1][0]) / 2
        if below > half:
            return value
    return ordered[-1][0]
