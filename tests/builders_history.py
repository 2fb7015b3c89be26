"""Entries of a history for tests and benches."""

import random
import uuid
from dataclasses import replace
from typing import Any

from nova_livemig_gpu.history.entry import Entry, Settings
from nova_livemig_gpu.model import JobState, Outcome, Prediction
from nova_livemig_gpu.prediction.merge import Observed
from nova_livemig_gpu.prediction.stun import StunKey, StunSeen

NOW = 1_800_000_000.0
SERVER = "0f0e0d0c-0b0a-4908-8706-050403020100"
KEY = StunKey("NVIDIA A40", "NVIDIA A40-8Q", "570.158.02", 25_000)
VERSIONS = (
    ("nova_livemig_gpu", "0.2.0"),
    ("qemu", "10.0.2"),
    ("libvirt", "11.3.0"),
    ("nova", "34.0.0"),
)


def prediction(**changes: Any) -> Prediction:
    """20 s, 200 ms."""
    given = Prediction(
        True, 20.0, 200.0, 4, 1e9, 1e7, "the last pass fits into the limit"
    )
    return replace(given, **changes)


def entry(number: int = 0, **changes: Any) -> Entry:
    """A migration that completed as was predicted, an hour ago."""
    made = Entry(
        migration=str(uuid.UUID(int=number + 1)),
        server=SERVER,
        source="one",
        destination="two",
        ended_at=NOW - 3600.0 + number,
        outcome=Outcome(
            JobState.COMPLETED, total_ms=20_000, downtime_ms=200, passes=4
        ),
        settings=Settings(limit_ms=300.0),
        memory_bytes=2**30,
        bandwidth_bps=50e6,
        prediction=prediction(),
    )
    return replace(made, **changes)


def typical(number: int) -> Entry:
    """The nth migration of 100 hosts and 10,000 servers, all that is kept of
    it filled in; the same for the same number."""
    rnd = random.Random(number)
    host = rnd.randrange(100)
    fast = rnd.random() < 0.1
    return Entry(
        migration=str(uuid.UUID(int=rnd.getrandbits(128), version=4)),
        server=str(uuid.UUID(int=rnd.randrange(10_000) << 64, version=4)),
        source=f"compute-{host:04d}.example.org",
        destination=f"compute-{(host * 7 + 1) % 100:04d}.example.org",
        ended_at=NOW - 100 * 86400.0 + 60.0 * number,
        outcome=Outcome(
            JobState.COMPLETED,
            total_ms=rnd.randint(1000, 100_000),
            downtime_ms=rnd.randint(10, 400),
            sent_bytes=rnd.randint(10**8, 10**11),
            passes=rnd.randint(2, 30),
        ),
        settings=Settings(
            limit_ms=300.0,
            compression="zstd" if fast else None,
            channels=4 if fast else None,
        ),
        memory_bytes=2**33,
        bandwidth_bps=rnd.uniform(0.5, 1.0) * 1e9,
        concurrent=rnd.randrange(2),
        overhead_ms=rnd.uniform(5, 60),
        queue_bytes=rnd.uniform(1e6, 4e6),
        curve=tuple(_observed(rnd) for _ in range(12)),
        prediction=prediction(
            total_s=rnd.uniform(1, 100),
            downtime_ms=rnd.uniform(10, 400),
            sent_bytes=rnd.uniform(1e8, 1e11),
            total_p90_s=rnd.uniform(1, 100),
        ),
        stuns=(StunSeen(KEY, rnd.randrange(8 * 10**9), rnd.uniform(1, 9)),),
        versions=VERSIONS,
        normal_bytes=float(rnd.randrange(2**20, 2**33)),
        resident_bytes=float(rnd.randrange(2**20, 2**33)),
    )


def _observed(rnd: random.Random) -> Observed:
    return Observed(
        rnd.uniform(0.1, 20),
        rnd.uniform(1e6, 8e9),
        rnd.uniform(1e10, 1e16),
        rnd.uniform(0, 60),
        "passes",
    )
