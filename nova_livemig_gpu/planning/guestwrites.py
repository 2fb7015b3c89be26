"""How a guest writes its memory: expected distinct bytes, in closed form.

Each model answers one question: how many distinct bytes are written from
``start_s`` to ``end_s`` of the guest's age, if it gets ``share`` of the CPU
time it wants. With rate r in bytes/s, W the working set, n = r * share * t:

=========  =============================================================
Sweep      min(n, W): from end to end, over and over
Random     W * (1 - exp(-n / W)): evenly drawn pages
Zipf       sum over ranks k of 1 - exp(-n p(k)), p(k) about 1 / (k ln P):
           page k of P by popularity, taken in 64 bins of even probability
Burst      as Sweep, writing for ``period_s`` and resting for as long
Grow       as Sweep over a part of W that grows from 0 to W in ``period_s``
Threads    the sum of several, each with its own memory
Windowed   another one, from one age to another; nothing before and after
Several    as Threads, and each one's memory is told apart (``regions``)
Idle       0
=========  =============================================================

Example: Random, 128 MiB, 40 MiB/s: in 4 s 160 MiB are written, and 128 * (1
- exp(-1.25)) = 91.3 MiB are dirty.
"""

import abc
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

_PAGE_BYTES = 4096
_ZIPF_BINS = 64


class Writer(abc.ABC):
    """What a guest does to its memory."""

    @abc.abstractmethod
    def distinct_bytes(
        self, start_s: float, end_s: float, share: float = 1.0
    ) -> float:
        """Expected distinct bytes written between two ages."""

    @abc.abstractmethod
    def reach_bytes(self, age_s: float) -> float:
        """Memory that has been or will be written around that age."""

    @property
    def regions(self) -> tuple["Writer", ...]:
        """Writers whose memory is to be told apart."""
        return (self,)

    def steady(self, age_s: float) -> "Writer":
        """What it does at that age, for ever."""
        return self


@dataclass(frozen=True)
class Idle(Writer):
    """Writes nothing."""

    def distinct_bytes(
        self, start_s: float, end_s: float, share: float = 1.0
    ) -> float:
        return 0.0

    def reach_bytes(self, age_s: float) -> float:
        return 0.0


@dataclass(frozen=True)
class Sweep(Writer):
    """From end to end, over and over."""

    rate_bps: float
    set_bytes: float

    def distinct_bytes(
        self, start_s: float, end_s: float, share: float = 1.0
    ) -> float:
        return min(self.rate_bps * share * (end_s - start_s), self.set_bytes)

    def reach_bytes(self, age_s: float) -> float:
        return self.set_bytes


@dataclass(frozen=True)
class Random(Writer):
    """Pages drawn evenly."""

    rate_bps: float
    set_bytes: float

    def distinct_bytes(
        self, start_s: float, end_s: float, share: float = 1.0
    ) -> float:
        turns = self.rate_bps * share * (end_s - start_s) / self.set_bytes
        return -math.expm1(-turns) * self.set_bytes

    def reach_bytes(self, age_s: float) -> float:
        return self.set_bytes


@dataclass(frozen=True)
class Zipf(Writer):
    """Few pages are written often, most seldom; exponent 1."""

    rate_bps: float
    set_bytes: float

    @cached_property
    def _bins(self) -> tuple[float, ...]:
        """Pages of each bin; all bins are drawn equally often."""
        pages = max(self.set_bytes / _PAGE_BYTES, 1.0)
        edges = [pages ** (n / _ZIPF_BINS) for n in range(_ZIPF_BINS + 1)]
        # The first ranks share what lies below one page.
        return tuple(max(high - low, 1e-9) for low, high in pairwise(edges))

    def distinct_bytes(
        self, start_s: float, end_s: float, share: float = 1.0
    ) -> float:
        written = self.rate_bps * share * (end_s - start_s) / _PAGE_BYTES
        each = written / _ZIPF_BINS
        pages = sum(-math.expm1(-each / n) * n for n in self._bins)
        return min(pages * _PAGE_BYTES, self.set_bytes)

    def reach_bytes(self, age_s: float) -> float:
        return self.set_bytes


@dataclass(frozen=True)
class Burst(Writer):
    """Sweeps for ``period_s``, rests for ``period_s``."""

    rate_bps: float
    set_bytes: float
    period_s: float

    def _active_s(self, age_s: float) -> float:
        whole, part = divmod(age_s, 2 * self.period_s)
        return whole * self.period_s + min(part, self.period_s)

    def distinct_bytes(
        self, start_s: float, end_s: float, share: float = 1.0
    ) -> float:
        active_s = self._active_s(end_s) - self._active_s(start_s)
        return min(self.rate_bps * share * active_s, self.set_bytes)

    def reach_bytes(self, age_s: float) -> float:
        return self.set_bytes


@dataclass(frozen=True)
class Grow(Writer):
    """Sweeps memory that grows until ``period_s``."""

    rate_bps: float
    set_bytes: float
    period_s: float

    def distinct_bytes(
        self, start_s: float, end_s: float, share: float = 1.0
    ) -> float:
        written = self.rate_bps * share * (end_s - start_s)
        return min(written, self.reach_bytes(end_s))

    def reach_bytes(self, age_s: float) -> float:
        return self.set_bytes * min(max(age_s, 0.0) / self.period_s, 1.0)


@dataclass(frozen=True)
class Threads(Writer):
    """Several writers, each with memory of its own."""

    parts: Sequence[Writer]

    def distinct_bytes(
        self, start_s: float, end_s: float, share: float = 1.0
    ) -> float:
        return sum(
            part.distinct_bytes(start_s, end_s, share) for part in self.parts
        )

    def reach_bytes(self, age_s: float) -> float:
        return sum(part.reach_bytes(age_s) for part in self.parts)


@dataclass(frozen=True)
class Windowed(Writer):
    """Writes from one age to another.

    :ivar to_s: None: for ever
    """

    writer: Writer
    from_s: float = 0.0
    to_s: float | None = None

    def distinct_bytes(
        self, start_s: float, end_s: float, share: float = 1.0
    ) -> float:
        start_s = max(start_s, self.from_s)
        if self.to_s is not None:
            end_s = min(end_s, self.to_s)
        if end_s <= start_s:
            return 0.0
        return self.writer.distinct_bytes(start_s, end_s, share)

    def reach_bytes(self, age_s: float) -> float:
        if age_s <= self.from_s:
            return 0.0
        return self.writer.reach_bytes(age_s)

    def steady(self, age_s: float) -> Writer:
        ended = self.to_s is not None and age_s >= self.to_s
        return Idle() if ended or age_s < self.from_s else self.writer


@dataclass(frozen=True)
class Several(Threads):
    """Several writers, each with memory of its own, told apart."""

    @property
    def regions(self) -> tuple[Writer, ...]:
        return tuple(self.parts)

    def steady(self, age_s: float) -> Writer:
        return Several(tuple(each.steady(age_s) for each in self.parts))
