"""The simulator's constants, from migrations that were really done.

Medians over the completed runs over one link, B = link * efficiency:

efficiency   sent bytes of whole passes / their time / link
overhead_ms  QEMU's downtime - the copying in it, 0 at least
setup_s      total - sent bytes / B - overhead, 0 at least; the end of the
             job is part of it, so that ``end_s`` is 0
postcopy_ms  pause seen from outside of runs that switched to post-copy
jitter       standard deviation of the rates of whole passes / their mean

The copying in a pause is not among libvirt's figures: it is taken from the
same migration, simulated. What no run tells stays as it is.

Example: 235.4 MB in a first pass of 4.889 s over 400 Mbit/s: efficiency
0.963.
"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from nova_livemig_gpu.model import Pass
from nova_livemig_gpu.planning.host import Hosts

_BITS = 8
_MEGA = 10**6
#: Shorter passes tell little of the rate.
_LEAST_PASS_S = 1.0


@dataclass(frozen=True)
class Run:
    """A completed migration.

    :ivar total_s: as QEMU counts it
    :ivar downtime_ms: QEMU's
    :ivar copy_ms: of that, copying
    :ivar pause_ms: seen from outside
    :ivar paused: by us, so that it ended: its downtime tells nothing
    """

    link_mbps: float
    total_s: float
    sent_bytes: float
    passes: tuple[Pass, ...]
    downtime_ms: float | None = None
    copy_ms: float | None = None
    pause_ms: float | None = None
    postcopy: bool = False
    paused: bool = False


def fit(runs: Iterable[Run], start: Hosts) -> Hosts:
    """Return ``start`` with what the runs over its link tell."""
    same = [run for run in runs if run.link_mbps == start.link_mbps]
    rates = _efficiencies(same)
    hosts = _with(
        replace(start, end_s=0.0),
        efficiency=_median(rates),
        jitter=statistics.pstdev(rates) / statistics.mean(rates)
        if len(rates) > 1
        else None,
        overhead_ms=_median(_overheads(same)),
        postcopy_ms=_median(
            [run.pause_ms for run in same if run.postcopy and run.pause_ms]
        ),
    )
    return _with(hosts, setup_s=_median(_setups(same, hosts)))


def _with(hosts: Hosts, **found: float | None) -> Hosts:
    known = {k: v for k, v in found.items() if v is not None}
    return replace(hosts, **known)


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _efficiencies(runs: Sequence[Run]) -> list[float]:
    return [
        done.sent_bytes / done.duration_s / (run.link_mbps * _MEGA / _BITS)
        for run in runs
        for done in run.passes
        if done.duration_s >= _LEAST_PASS_S and not done.merged
    ]


def _overheads(runs: Sequence[Run]) -> list[float]:
    return [
        max(run.downtime_ms - run.copy_ms, 0.0)
        for run in runs
        if not (run.postcopy or run.paused)
        and run.downtime_ms is not None
        and run.copy_ms is not None
    ]


def _setups(runs: Sequence[Run], hosts: Hosts) -> list[float]:
    found = []
    for run in runs:
        pause_ms = hosts.postcopy_ms if run.postcopy else hosts.overhead_ms
        copying_s = run.sent_bytes / hosts.link_bps
        found.append(max(run.total_s - copying_s - pause_ms / 1e3, 0.0))
    return found
