"""How much of a pause is not copying, from the records of this host.

QEMU keeps the copying of the last bytes within its downtime limit; what is
queued in the source's socket at that moment, stopping, the device state,
libvirt's hand-over and starting come on top. (In a lab with a link of 400
Mbit/s, 56 ms of 60 were the 2.7 MB in the send queue.) The overhead of one
migration is what its measured downtime exceeded its limit by.

    overhead = largest of all, at least the option and at most twice the
               option, where there are fewer than 10
               second largest of the last 20 otherwise

The second largest of 20 is exceeded by about one migration in twenty, and
one outlier does not spoil the budget of all that follow. Of a few it would
be about their median (seen: three records of 55, 43 and 70 ms, and a fourth
migration 16 ms over its budget), so that a few can only raise the option.
Migrations that did not
complete, that were paused or switched to post-copy, of servers with a VFIO
device, or of which a figure is missing, do not count: their pause has
nothing to do with the limit.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

_LAST = 20
_LEAST = 10


def overhead_ms(
    records: Iterable[Mapping[str, Any]], default_ms: float
) -> float:
    """Return the overhead to keep free of a budget, in ms, 0 or more."""
    seen = []
    for record in records:
        value = _one(record)
        if value is not None:
            seen.append(value)
        if len(seen) == _LAST:
            break
    if len(seen) < _LEAST:
        return min(max([default_ms, *seen]), 2 * default_ms)
    return sorted(seen)[-2]


def _one(record: Mapping[str, Any]) -> float | None:
    outcome = record.get("outcome")
    if not isinstance(outcome, Mapping):
        return None
    if outcome.get("state") != "completed":
        return None
    if outcome.get("postcopy") or outcome.get("forced"):
        return None
    if record.get("vfio"):
        return None
    downtime = outcome.get("downtime_ms")
    limit = record.get("last_limit_ms")
    if not (_number(downtime) and _number(limit)):
        return None
    return max(float(downtime) - float(limit), 0.0)


def _number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
