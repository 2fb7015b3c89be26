"""By what compression, multifd and TLS multiply the bandwidth, as was seen.

It is the median, over host pairs, of the bandwidth with those settings by
that of plain migrations of the pair, each the median of the newest 20.
Migrations that completed count: those of the same server, else those between
the same hosts, else all. Nothing here raises; unknown is None.

Example: plain migrations from one to two had 40 MB/s, with multifd 64: 1.6.
"""

import time
from collections.abc import Sequence
from statistics import median

from nova_livemig_gpu.history import rows
from nova_livemig_gpu.history.entry import Settings
from nova_livemig_gpu.history.queries import PAIR, newest
from nova_livemig_gpu.history.store import History


def effect(
    history: History,
    settings: Settings,
    server: str | None = None,
    pair: tuple[str, str | None] | None = None,
    now: float | None = None,
) -> float | None:
    """By what these settings multiply the bandwidth; None: unknown.

    :param server: asked first: what compresses depends on its contents
    :param pair: source and destination, asked next; either way counts
    :param now: UNIX time; None: that of the clock
    """
    now = time.time() if now is None else now
    asked: list[tuple[str, str, tuple[object, ...]]] = []
    if server is not None:
        asked.append(
            (
                "INDEXED BY entries_server",
                "server = ? AND points IS NOT NULL",
                (rows.key(server),),
            )
        )
    if pair is not None:
        for way in (pair, pair[::-1]):
            asked.append(("INDEXED BY entries_pair", PAIR, way))
    asked.append(("", "1", ()))
    for index, where, values in asked:
        found = newest(
            history,
            f"SELECT source, destination, bandwidth_bps FROM entries {index}"
            f" WHERE {where} AND compression IS ? AND channels IS ?"
            " AND tls = ? AND bandwidth_bps IS NOT NULL AND plain = 0"
            " AND NOT plain"
            " AND completed",
            (
                *values,
                settings.compression,
                settings.channels,
                settings.tls,
            ),
            now,
        )
        ratio = _ratio(history, found, now)
        if ratio is not None:
            return ratio
    return None


def _ratio(
    history: History, found: Sequence[tuple[int, int, float]], now: float
) -> float | None:
    """By what these bandwidths exceed the plain ones of their host pairs."""
    by_pair: dict[tuple[int, int], list[float]] = {}
    for source, destination, bps in found:
        by_pair.setdefault((source, destination), []).append(bps)
    ratios = []
    for pair, with_settings in by_pair.items():
        plain = newest(
            history,
            "SELECT bandwidth_bps FROM entries WHERE source = ?"
            " AND destination = ? AND plain = 1"
            " AND bandwidth_bps IS NOT NULL",
            pair,
            now,
        )
        usual = median(bps for (bps,) in plain) if plain else 0.0
        if usual > 0:
            ratios.append(median(with_settings) / usual)
    return median(ratios) if ratios else None
