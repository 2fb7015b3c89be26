"""The dirty curve of a running server, measured before its migration.

libvirt (``virDomainStartDirtyRateCalc``) and QEMU sample pages: hashes of a
random few are taken, and compared after the period. It works with any
accelerator and counts the server's memory only, never a GPU's.

What it is worth. QEMU's default is 512 samples for each GiB: one stands for
2 MiB, so that D MiB dirty in a period are seen as D / 2 samples, with a
relative error of sqrt(2 / D) at best. Of 24 MiB that is 29%, of 2 GiB 3%.
(Seen, 24 MiB/s written in a server of 256 MiB: 25, 38, 34 MiB in a second
each.) libvirt offers neither more samples nor periods below a second. QEMU
itself does both, by monitor commands that mark the domain as tainted
("custom-monitor"): 16384 samples for each GiB, 50 ms and more. (The same
server: 23, 26, 26 and 23 MiB in a second; 0.3 MiB of error at 50 ms.)

Where it is needed. A migration asks the curve for the duration of its first
pass, then for that of the second, and so on down to fractions of a second;
beyond the longest period a curve is a guess. So with S seconds to spend and
a first pass of T, the longest period is min(T, 0.4 S, 60 s), then its halves
down to the shortest possible one, and twice more those up to a second, as
long as S lasts: means are more certain.

Example: 10 s, T 30 s, libvirt: 4, 2, 1, 1, 1 s. Monitor: 4, 2, 1, 0.5, 0.25,
0.125 s, and again from 1 s.

A server that has a job, a refusal, silence or nonsense ends the measuring;
points that are there already are returned. Nothing is raised.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import libvirt
from oslo_log import log as logging

from nova_livemig_gpu.prediction import merge
from nova_livemig_gpu.prediction.merge import Observed
from nova_livemig_gpu.virt.gauges import Gauge, NotMeasured

LOG = logging.getLogger(__name__)

MIB = 2**20
GIB = 2**30
#: Beyond the period itself, until we give up.
_GRACE_S = 2.0
_POLL_S = 0.05
_SHORT_S = 1.0
_LONGEST_S = 60.0
_SHARE = 0.4
#: How often short periods are measured again.
_ROUNDS = 2


def periods_s(
    seconds: float,
    gauge: Gauge | type[Gauge],
    longest_s: float | None = None,
) -> tuple[float, ...]:
    """Return what to measure in so many seconds; empty: too few.

    :param longest_s: expected duration of the first pass; None: unknown

    >>> periods_s(10, LibvirtGauge)
    (4.0, 2.0, 1.0, 1.0, 1.0)
    """
    step_s = gauge.step_s
    wanted_s = min(longest_s or _LONGEST_S, _SHARE * seconds, _LONGEST_S)
    ladder = []
    period_s = max(wanted_s, gauge.least_s)
    while period_s >= gauge.least_s:
        ladder.append(int(period_s / step_s + 1e-9) * step_s)
        period_s /= 2
    short = [each for each in ladder if each <= max(_SHORT_S, gauge.least_s)]
    chosen, left_s = [], seconds
    for each in [*ladder, *_ROUNDS * short]:
        if each <= left_s:
            chosen.append(each)
            left_s -= each
    return tuple(chosen)


def measure(
    domain: Any,
    gauge: Gauge,
    seconds: float,
    memory_bytes: int,
    longest_s: float | None = None,
    now: Any = time.monotonic,
    sleep: Any = time.sleep,
) -> tuple[Observed, ...]:
    """Return points of f(t); empty: nothing is known.

    :param seconds: to spend at most, but for the last answer's delay
    :param memory_bytes: of the server
    :param longest_s: see ``periods_s``
    """
    seen: list[tuple[float, float]] = []
    end_s = now() + seconds
    try:
        for period_s in periods_s(seconds, gauge, longest_s):
            if seen and now() + period_s > end_s:
                continue
            _check_idle(domain)
            rate = _one(gauge, period_s, now, sleep)
            seen.append((period_s, rate * period_s * MIB))
    except Exception as exc:
        LOG.warning(
            "The dirty rate of %s was not measured any further: %s",
            domain.UUIDString(),
            exc,
        )
    return observed(seen, memory_bytes, gauge.samples_per_gib)


def _check_idle(domain: Any) -> None:
    kind = domain.jobInfo()[0]
    if kind != libvirt.VIR_DOMAIN_JOB_NONE:
        raise NotMeasured("the server has a job under way")


def _one(gauge: Gauge, period_s: float, now: Any, sleep: Any) -> float:
    limit_s = now() + period_s + _GRACE_S
    gauge.start(period_s)
    sleep(period_s)
    while now() < limit_s:
        found = gauge.rate_mib_s()
        if found is not None:
            return found
        sleep(_POLL_S)
    raise NotMeasured(f"no answer {_GRACE_S} s after its end")


def observed(
    seen: Iterable[tuple[float, float]],
    memory_bytes: int,
    samples_per_gib: int,
) -> tuple[Observed, ...]:
    """Sum up equal periods: mean, and its variance.

    That of the samples (``merge.sampled``), or what the values themselves
    show where that is more.

    :param seen: period in seconds, distinct bytes dirtied in it
    """
    groups: dict[float, list[float]] = {}
    for period_s, dirty in seen:
        groups.setdefault(period_s, []).append(min(dirty, memory_bytes))
    samples = max(round(memory_bytes * samples_per_gib / GIB), 1)
    return tuple(
        _group(period_s, groups[period_s], memory_bytes, samples)
        for period_s in sorted(groups)
    )


def _group(
    period_s: float, values: Sequence[float], memory_bytes: int, samples: int
) -> Observed:
    count = len(values)
    mean = sum(values) / count
    found = merge.sampled(period_s, mean, memory_bytes, samples * count)
    if count < 3:
        return found
    spread = sum((v - mean) ** 2 for v in values) / (count - 1) / count
    variance = max(found.variance_bytes2 or 0.0, spread)
    return Observed(period_s, mean, variance)
