"""The history at its full size: how large it is, how fast it answers.

    python -m bench.history_size [ENTRIES]

Fills a history as migrations would, then asks each question of
``history.queries`` 50 times for hosts and servers in turn, and predicts a
migration from what it says. Prints a table; exit status 1 where the file is
larger than 100 MB, the slowest answer takes more than 10 ms or a prediction
more than 5 ms (medians; the slowest of 50 is shown beside).
"""

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nova_livemig_gpu.history import effects, queries
from nova_livemig_gpu.history.entry import Settings
from nova_livemig_gpu.history.store import History
from nova_livemig_gpu.model import GuestMemory
from nova_livemig_gpu.prediction import calibration, merge, stun
from nova_livemig_gpu.prediction.forecast import (
    Rule,
    Transport,
    Wanted,
    Workload,
    forecast,
)
from tests import builders_history as builders

TARGET_BYTES = 100 * 10**6
TARGET_ANSWER_MS = 10.0
TARGET_PREDICT_MS = 5.0
ROUNDS = 50
_BATCH = 1000


def fill(history: History, count: int) -> float:
    """Fill it and return the seconds that took."""
    start = time.perf_counter()
    for first in range(0, count, _BATCH):
        last = min(first + _BATCH, count)
        assert history.add(*(builders.typical(n) for n in range(first, last)))
    return time.perf_counter() - start


def timed(work: Callable[[int], Any]) -> tuple[float, float]:
    """Return median and longest time in ms."""
    times = []
    for n in range(ROUNDS):
        start = time.perf_counter()
        work(n)
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times), max(times)


def questions(history: History, count: int) -> dict[str, Any]:
    """Return every question of ``queries``, each for the nth host pair."""
    now = builders.NOW
    pick = random.Random(7)
    some = [builders.typical(pick.randrange(count)) for _ in range(ROUNDS)]
    zstd = Settings(compression="zstd", channels=4)
    return {
        "bandwidth": lambda n: queries.bandwidth_bps(
            history, some[n].source, some[n].destination, now
        ),
        "effect": lambda n: effects.effect(
            history,
            zstd,
            some[n].server,
            (some[n].source, some[n].destination),
        ),
        "effect, unseen": lambda n: effects.effect(
            history,
            Settings(channels=16),
            some[n].server,
            (some[n].source, some[n].destination),
        ),
        "memory": lambda n: queries.normal_bytes(
            history, some[n].server, 2.0**33, now
        ),
        "curve": lambda n: queries.curve(history, some[n].server, now),
        "stuns": lambda n: queries.stuns(history, [builders.KEY]),
        "overhead": lambda n: queries.overhead_ms(history, now),
        "queue": lambda n: queries.queue_bytes(
            history, some[n].source, some[n].destination, now
        ),
        "errors": lambda n: queries.errors(history),
        "add": lambda n: history.add(builders.typical(count + n)),
    }


def predict(history: History) -> Callable[[int], Any]:
    """Return a whole prediction from values that are at hand."""
    entry = builders.typical(1)
    seen = queries.curve(history, entry.server, builders.NOW)
    stuns = queries.stuns(history, [builders.KEY])
    errors = queries.errors(history)
    memory = GuestMemory(3e6, 1e6)

    def work(n: int) -> Any:
        load = Workload(
            memory,
            merge.merge(seen, memory.normal_bytes),
            stun=stun.stun([stun.VgpuUse(builders.KEY, 10**9 * n)], stuns),
        )
        link = Transport(1e9, bandwidth_low_bps=8e8, overhead_p90_ms=50.0)
        found = forecast(load, link, Wanted(300.0, rule=Rule.QEMU))
        return calibration.correct(found, calibration.learn(errors))

    return work


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as directory:
        history = History(Path(directory) / "history.sqlite3", count)
        took = fill(history, count)
        print(f"{history.count()} entries in {took:.1f} s")
        slowest = 0.0
        for name, work in questions(history, count).items():
            middle, longest = timed(work)
            slowest = max(slowest, 0.0 if name == "add" else middle)
            print(f"{name:12} {middle:8.3f} ms   longest {longest:8.3f} ms")
        predicted, longest = timed(predict(history))
        print(
            f"{'predict':12} {predicted:8.3f} ms   longest {longest:8.3f} ms"
        )
        size = sum(f.stat().st_size for f in Path(directory).iterdir())
        print(f"{size / 1e6:.1f} MB, {size / count:.0f} bytes an entry")
        history.close()
    good = size <= TARGET_BYTES and slowest <= TARGET_ANSWER_MS
    return 0 if good and predicted <= TARGET_PREDICT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
