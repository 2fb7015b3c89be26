"""How long a server's vGPUs stop it: a + b * framebuffer, learnt.

    stun = a * vGPUs + b * x + noise        x = GB used * 10 Gbit/s / link

since the published estimates are made with the speed of the hosts' links, the
slower one's. A link that is not known is taken to be as fast as those of the
migrations that are known, and 10 Gbit/s where there are none.

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

No value is below the wire, the time that the framebuffer takes on a link that
is known, unless a migration of such a GPU was seen to stop it for less than
95% of that: its state is sent while it runs, then, or takes fewer bytes. And
until the first one was seen none is above ten times the wire and 2 s for each
vGPU, which is more than was ever published.

Missing data: a framebuffer that is unknown leaves the stun unknown.

Example: learnt from the V100 rows but the one of 8 GB: 8 GB -> P50 11.0 s,
P90 12.4 s (published: 12 s). 80 GB of a GPU that nothing is known of: P50 226
s at 10 Gbit/s (the wire takes 64 s), 24 s at 100 Gbit/s (6.4 s).
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from nova_livemig_gpu.model import Stun
from nova_livemig_gpu.prediction import beliefs, published
from nova_livemig_gpu.prediction.line import Row
from nova_livemig_gpu.prediction.student import quantile

_GB = 1e9
_LINK_MBPS = 10_000
#: Of a GPU that was never seen, more than was published of any.
_MOST_WIRES, _MOST_S = 10.0, 2.0
_GROWTH_GB = 9.0
_DIFFERS = 4.0
_UNKNOWN = 2.0
_ELSEWHERE = 25.0
#: One that took less of the wire's time did not wait for it.
_BY_THE_WIRE = 0.95


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
            guess=not learnt_from,
        )


def over(
    vgpus: Iterable[VgpuUse], link_mbps: int | None
) -> tuple[VgpuUse, ...]:
    """Return vGPUs that are sent over a link; None: it is not known."""
    if link_mbps is None:
        return tuple(vgpus)
    return tuple(
        replace(each, key=replace(each.key, link_mbps=link_mbps))
        for each in vgpus
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
        groups[vgpu.key].append(gb * _slowness(vgpu.key.link_mbps))
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
    mine = [one for one in past if one.key.gpu == key.gpu]
    parts = beliefs.expect(_rows(key, mine), len(xs), sum(xs), variance)
    wire_s = sum(xs) * 8 / 10
    least_s, most_s = 0.0, math.inf
    if key.link_mbps and all(_by_the_wire(one, key) for one in mine):
        least_s = wire_s
    if not mine:
        most_s = _MOST_WIRES * wire_s + _MOST_S * len(xs)
    return Spread(
        *(
            min(max(quantile(parts, q), least_s), most_s)
            for q in (0.05, 0.5, 0.9, 0.95)
        )
    )


def _by_the_wire(one: StunSeen, key: StunKey) -> bool:
    """Whether it took as long as its framebuffer takes on the link."""
    wire_s = _x(one, key) * 8 / 10
    return one.stun_s >= _BY_THE_WIRE * wire_s


def _rows(key: StunKey, mine: Iterable[StunSeen]) -> list[Row]:
    rows = [_row(one, key) for one in mine]
    for gb, stun_s in published.rows(key.gpu):
        rows.append(Row(1, gb, stun_s, _ELSEWHERE * _noise(gb)))
    return rows


def _row(one: StunSeen, key: StunKey) -> Row:
    x = _x(one, key)
    n = max(one.vgpus, 1)
    unlike = _unlike(key, one.key)
    return Row(n, x, one.stun_s, unlike * n * _noise(x / n))


def _x(one: StunSeen, key: StunKey) -> float:
    link_mbps = key.link_mbps and (one.key.link_mbps or key.link_mbps)
    return one.framebuffer_bytes / _GB * _slowness(link_mbps)


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


def _slowness(link_mbps: int | None) -> float:
    return _LINK_MBPS / link_mbps if link_mbps else 1.0


def _add(spreads: Sequence[Spread]) -> Spread:
    if len(spreads) == 1:
        return spreads[0]
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
