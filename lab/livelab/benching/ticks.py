# SPDX-License-Identifier: Apache-2.0
"""The guest's marks on its console, with the time at which they came.

The guest writes one every 10 ms, wherever it runs; the longest gap between
two is how long it stood still, seen from outside. Its heartbeats tell how
much it has written.
"""

import re
import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_POLL_S = 0.004
_BEAT = re.compile(rb"HB t=[\d.]+ done=(\d+)")
#: A gap above this many usual ones is a stop.
_STOP = 3.0
_LEAST_STOP_S = 0.1
#: Before a migration, what is usual is looked for in so many seconds.
_CALM_S = 6.0


@dataclass(frozen=True)
class Watched:
    """What a console showed from ``begin`` to ``end``.

    :ivar gap_ms: longest gap between two marks
    :ivar stopped_ms: sum of all gaps that are longer than 100 ms and than
        three times the longest one before; waits for single pages after
        post-copy are among them
    :ivar calm_gap_ms: longest gap in the seconds before
    :ivar work_mib_s: written each second meanwhile
    :ivar calm_work_mib_s: written each second before
    """

    gap_ms: float | None
    stopped_ms: float | None
    calm_gap_ms: float | None
    work_mib_s: float | None
    calm_work_mib_s: float | None


class Ticks:
    """Watches a console's file from now on, in a thread of its own."""

    def __init__(self, console: Path) -> None:
        self._path = console
        self._marks: list[float] = []
        self._beats: list[tuple[float, int]] = []
        self._running = True
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin; the file must be there."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for that."""
        self._running = False
        self._thread.join(5)

    def _watch(self) -> None:
        with self._path.open("rb", buffering=0) as file:
            file.seek(0, 2)
            rest = b""
            while self._running:
                new = file.read(65536)
                if not new:
                    time.sleep(_POLL_S)
                    continue
                rest = self._take(rest + new, time.monotonic())

    def _take(self, text: bytes, now_s: float) -> bytes:
        *lines, rest = text.split(b"\n")
        for line in lines:
            if line.startswith(b"T "):
                self._marks.append(now_s)
            elif found := _BEAT.match(line):
                self._beats.append((now_s, int(found[1])))
        return rest

    def between(self, begin_s: float, end_s: float) -> Watched:
        """What happened between two moments of the monotonic clock."""
        calm_s = begin_s - _CALM_S
        calm = _gaps([t for t in self._marks if calm_s <= t <= begin_s])
        # The mark before and the one after belong to it.
        inside = [t for t in self._marks if begin_s < t <= end_s]
        before = [t for t in self._marks if t <= begin_s][-1:]
        gaps = _gaps([*before, *inside])
        least_s = max(_LEAST_STOP_S, _STOP * max(calm, default=0.0))
        stops = [gap for gap in gaps if gap > least_s]
        return Watched(
            gap_ms=_ms(max(gaps, default=None)),
            stopped_ms=_ms(sum(stops)) if gaps else None,
            calm_gap_ms=_ms(max(calm, default=None)),
            work_mib_s=_rate(_around(self._beats, begin_s, end_s)),
            calm_work_mib_s=_rate(
                [beat for beat in self._beats if calm_s <= beat[0] <= begin_s]
            ),
        )


def _gaps(marks: list[float]) -> list[float]:
    return [b - a for a, b in pairwise(marks)]


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 1)


def _around(
    beats: list[tuple[float, int]], begin_s: float, end_s: float
) -> list[tuple[float, int]]:
    """From the last beat before to the first one after."""
    first = max((t for t, _ in beats if t <= begin_s), default=begin_s)
    last = min((t for t, _ in beats if t >= end_s), default=end_s)
    return [beat for beat in beats if first <= beat[0] <= last]


def _rate(beats: list[tuple[float, int]]) -> float | None:
    if len(beats) < 2 or beats[-1][0] <= beats[0][0]:
        return None
    mib = beats[-1][1] - beats[0][1]
    return round(mib / (beats[-1][0] - beats[0][0]), 2)
