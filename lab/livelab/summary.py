# SPDX-License-Identifier: Apache-2.0
"""What a recording of livelab.watch says about one migration.

Knows the words of libvirt's job statistics, but needs no libvirt. What is
absent from the recording is None here; absent never means 0.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Record = Mapping[str, object]

# virDomainJobOperation, virDomainEventType and their details.
MIGRATION_OUT = 5
SUSPENDED, RESUMED = 3, 4
SUSPENDED_MIGRATED, SUSPENDED_POSTCOPY = 1, 7
RESUMED_MIGRATED, RESUMED_POSTCOPY = 1, 3


@dataclass(frozen=True)
class Point:
    """The running job at one moment, as its source reported it."""

    t: float
    remaining_bytes: int | None
    bps: int | None
    iteration: int | None


@dataclass(frozen=True)
class Run:
    """One migration.

    downtime_ms is QEMU's figure from the source; pause_ms is the time
    between the event that the source's guest is stopped and the event that
    the destination's runs, on the watcher's clock. bytes is all that was
    sent, RAM and disks. postcopy: whether the guest ran on the destination
    before all its memory was there.
    """

    total_ms: int | None
    downtime_ms: int | None
    pause_ms: int | None
    bytes: int | None
    passes: int | None
    postcopy: bool | None
    auto_converge_max: int | None
    series: tuple[Point, ...]


def summarize(lines: Iterable[str]) -> Run:
    """Sum up a recording; raises ValueError for a line that is no JSON."""
    records: list[Record] = [json.loads(x) for x in lines if x.strip()]
    samples = [r for r in _kind(records, "sample") if _outgoing(r)]
    final = _final(records)
    return Run(
        total_ms=_int(final, "time_elapsed"),
        downtime_ms=_int(final, "downtime"),
        pause_ms=_pause(records),
        bytes=_int(final, "data_processed"),
        passes=_passes(records, samples, final),
        postcopy=_postcopy(records),
        auto_converge_max=_greatest(
            [*samples, final], "auto_converge_throttle"
        ),
        series=tuple(_point(sample) for sample in samples),
    )


def _kind(records: Iterable[Record], kind: str) -> list[Record]:
    return [record for record in records if record.get("kind") == kind]


def _outgoing(record: Record) -> bool:
    return record.get("operation") == MIGRATION_OUT


def _int(record: Record, key: str) -> int | None:
    value = record.get(key)
    return value if isinstance(value, int) else None


def _time(record: Record) -> float:
    t = record["t"]
    if not isinstance(t, int | float):
        raise ValueError(f"not a time: {t!r}")
    return float(t)


def _final(records: Iterable[Record]) -> Record:
    """The source's last word: the destination's is empty after post-copy."""
    completed = [r for r in _kind(records, "job_completed") if _outgoing(r)]
    return completed[-1] if completed else {}


def _greatest(records: Iterable[Record], key: str) -> int | None:
    values = [_int(record, key) for record in records]
    return max((v for v in values if v is not None), default=None)


def _passes(
    records: Iterable[Record], samples: Iterable[Record], final: Record
) -> int | None:
    """The final count if there is one, else the highest that was seen."""
    count = _int(final, "memory_iteration")
    if count is not None:
        return count
    seen = [
        _greatest(_kind(records, "iteration"), "iteration"),
        _greatest(samples, "memory_iteration"),
    ]
    return max((v for v in seen if v is not None), default=None)


def _postcopy(records: Iterable[Record]) -> bool | None:
    changes = [_change(record) for record in _kind(records, "lifecycle")]
    if (SUSPENDED, SUSPENDED_POSTCOPY) in changes:
        return True
    if (RESUMED, RESUMED_POSTCOPY) in changes:
        return True
    return False if (RESUMED, RESUMED_MIGRATED) in changes else None


def _change(record: Record) -> tuple[object, object]:
    return record.get("event"), record.get("detail")


def _pause(records: Iterable[Record]) -> int | None:
    """From the first stop for the migration to the first start."""
    stop = start = None
    for record in _kind(records, "lifecycle"):
        change = _change(record)
        if change in (
            (SUSPENDED, SUSPENDED_MIGRATED),
            (SUSPENDED, SUSPENDED_POSTCOPY),
        ):
            stop = stop or _time(record)
        if change in (
            (RESUMED, RESUMED_MIGRATED),
            (RESUMED, RESUMED_POSTCOPY),
        ):
            start = start or _time(record)
    if stop is None or start is None:
        return None
    return round((start - stop) * 1000)


def _point(sample: Record) -> Point:
    return Point(
        t=_time(sample),
        remaining_bytes=_int(sample, "memory_remaining"),
        bps=_int(sample, "memory_bps"),
        iteration=_int(sample, "memory_iteration"),
    )
