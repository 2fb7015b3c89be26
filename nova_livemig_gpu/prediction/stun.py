"""How long a server's vGPUs stop it: a + b * framebuffer, learnt.

    stun = a * vGPUs + b * x + noise        x = GB used * max(1, 10 Gbit/s
                                                                / link)

A vGPU's noise has the variance s**2 * (1 + (x / 9)**2): it grows with the
stun. The lines of ``prediction.line`` are learnt from earlier migrations of
the same GPU: its own (vGPU type, driver, link) counts fully, what differs in
one of the three has four times the variance, what is unknown in one twice;
another GPU does not count. Where something is published of the GPU
(``prediction.published``), it counts with 25 times the variance.

What is believed before the first observation, and how observations decide,
stands in ``prediction.beliefs``: b around 2.8 s/GB, noise around a second, or
a tenth of one where the observations are that precise.

P50 and P90 are those of the mixture of Student's t that comes of it: P90 is
exceeded once in ten times. The interval that holds nine of ten, P5 to P95, is
given too. vGPUs of the same key are one row of n vGPUs; of different keys P50
add and the excesses add as squares. A negative value is given as 0.

Missing data: a framebuffer that is unknown leaves the stun unknown.

Example: learnt from the V100 rows but the one of 8 GB: 8 GB -> P50 11.0 s,
P90 12.4 s (published: 12 s).
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nova_livemig_gpu.model import Stun
from nova_livemig_gpu.prediction import beliefs, published
from nova_livemig_gpu.prediction.line import Row
from nova_livemig_gpu.prediction.student import quantile

_GB = 1e9
_LINK_MBPS = 10_000
_GROWTH_GB = 9.0
_DIFFERS = 4.0
_UNKNOWN = 2.0
_ELSEWHERE = 25.0


@dataclass(frozen=True)
class StunKey:
    """What a stun depends on beside the framebuffer.

    :ivar gpu: name as its driver tells it
    :ivar vgpu_type: name of the vGPU type
    :ivar driver: of the host
    :ivar link_mbps: of the migration network; None: unknown
    """

    gpu: str
    vgpu_type: str | None = None
    driver: str | None = None
    link_mbps: int | None = None


@dataclass(frozen=True)
class VgpuUse:
    """One vGPU of a server.

    :ivar framebuffer_bytes: None: unknown
    :ivar basis: "nvml", "type" or "history", see :class:`model.Stun`
    """

    key: StunKey
    framebuffer_bytes: int | None
    basis: str | None = None


@dataclass(frozen=True)
class StunSeen:
    """What one completed migration showed of one kind of vGPU.

    :ivar framebuffer_bytes: of all its vGPUs
    :ivar stun_s: pause beyond what memory and overhead explain
    :ivar vgpus: how many vGPUs it had, all of the same key
    """

    key: StunKey
    framebuffer_bytes: int
    stun_s: float
    vgpus: int = 1


@dataclass(frozen=True)
class Spread:
    """Quantiles of a stun in seconds."""

    p05_s: float
    p50_s: float
    p90_s: float
    p95_s: float

    def stun(
        self,
        framebuffer_bytes: int | None = None,
        basis: str | None = None,
        learnt_from: int = 0,
    ) -> Stun:
        """Return what is handed on of it."""
        return Stun(
            self.p50_s * 1e3,
            self.p90_s * 1e3,
            framebuffer_bytes,
            basis,
            learnt_from,
        )


def stun(vgpus: Sequence[VgpuUse], seen: Iterable[StunSeen]) -> Stun | None:
    """Return the stun of all vGPUs together.

    :param vgpus: empty: None is returned, and no stun is expected
    :param seen: earlier migrations, of any key
    :returns: None: no vGPU, or a framebuffer is unknown
    """
    sizes = [vgpu.framebuffer_bytes for vgpu in vgpus]
    known = [size for size in sizes if size is not None]
    if not vgpus or len(known) < len(sizes):
        return None
    past = tuple(seen)
    found = spread(vgpus, past)
    return found.stun(sum(known), basis(vgpus), _learnt_from(vgpus, past))


def _learnt_from(vgpus: Sequence[VgpuUse], past: Sequence[StunSeen]) -> int:
    """Of the GPU that was migrated least. What is published of a GPU does
    not count: it was another's link and guest."""
    return min(
        sum(one.key.gpu == gpu for one in past)
        for gpu in {vgpu.key.gpu for vgpu in vgpus}
    )


def spread(vgpus: Sequence[VgpuUse], seen: Iterable[StunSeen]) -> Spread:
    """Return the quantiles of the stun of vGPUs of known framebuffers."""
    groups: dict[StunKey, list[float]] = defaultdict(list)
    for vgpu in vgpus:
        gb = (vgpu.framebuffer_bytes or 0) / _GB
        groups[vgpu.key].append(gb * _slowness(vgpu.key))
    past = tuple(seen)
    return _add([_of_key(key, xs, past) for key, xs in groups.items()])


def basis(vgpus: Sequence[VgpuUse]) -> str | None:
    """Where the framebuffers come from; one upper bound makes the sum one."""
    found = {vgpu.basis for vgpu in vgpus}
    for each in ("type", "history", "nvml"):
        if each in found:
            return each
    return None


def _of_key(
    key: StunKey, xs: Sequence[float], past: Sequence[StunSeen]
) -> Spread:
    variance = sum(_noise(x) for x in xs)
    parts = beliefs.expect(_rows(key, past), len(xs), sum(xs), variance)
    return Spread(*(quantile(parts, q) for q in (0.05, 0.5, 0.9, 0.95)))


def _rows(key: StunKey, past: Iterable[StunSeen]) -> list[Row]:
    rows = [
        _row(one, _unlike(key, one.key))
        for one in past
        if one.key.gpu == key.gpu
    ]
    for gb, stun_s in published.rows(key.gpu):
        rows.append(Row(1, gb, stun_s, _ELSEWHERE * _noise(gb)))
    return rows


def _row(one: StunSeen, unlike: float) -> Row:
    x = one.framebuffer_bytes / _GB * _slowness(one.key)
    n = max(one.vgpus, 1)
    return Row(n, x, one.stun_s, unlike * n * _noise(x / n))


def _unlike(key: StunKey, other: StunKey) -> float:
    factor = 1.0
    for name in ("vgpu_type", "driver", "link_mbps"):
        mine, its = getattr(key, name), getattr(other, name)
        if mine != its:
            unknown = mine is None or its is None
            factor *= _UNKNOWN if unknown else _DIFFERS
    return factor


def _noise(x: float) -> float:
    return 1.0 + (x / _GROWTH_GB) ** 2


def _slowness(key: StunKey) -> float:
    if not key.link_mbps:
        return 1.0
    return max(1.0, _LINK_MBPS / key.link_mbps)


def _add(spreads: Sequence[Spread]) -> Spread:
    middle = sum(each.p50_s for each in spreads)

    def beyond(name: str) -> float:
        return math.hypot(*(getattr(s, name) - s.p50_s for s in spreads))

    found = (
        middle - beyond("p05_s"),
        middle,
        middle + beyond("p90_s"),
        middle + beyond("p95_s"),
    )
    return Spread(*(max(each, 0.0) for each in found))
