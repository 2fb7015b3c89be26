"""A migration that was recorded, run once more: its passes are what they were.

Names: t_k and R_k, when pass k began and what was left then; B the recorded
rate, linear between its points and constant after the last.

* What is left falls from R_k to max(R_k - B * d, 0) in the d = t_(k+1) - t_k
  seconds of the pass, and is R_(k+1) then.
* QEMU stops the guest when R_k, or all of what the first pass left, fits into
  B * L; inside the pass, where L has been raised since it began. The rest is
  sent at B.
* After the last recorded pass the same is found again and again, R / B seconds
  each.
* A switch to post-copy, or a pause, inside a pass finds what is left of it,
  and of what the next pass began with as much as the pass has gone on.

A throttle, another limit of the rate, and a longer pass would have made
another guest: of these nothing is known, and nothing comes of them.

Example: passes that began at 0 s with 4000 MiB and at 40 s with 100 MiB, 800
Mbit/s: with a limit of 1200 ms the guest is stopped at 40 s for a second.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nova_livemig_gpu.model import StartPlan
from nova_livemig_gpu.planning.engine import Engine, Phase
from nova_livemig_gpu.planning.host import PAGE_BYTES, Guest, Hosts
from nova_livemig_gpu.planning.rates import WIRE, Rates

#: QEMU looks no more often.
_LEAST_PASS_S = 0.05


@dataclass(frozen=True)
class RecordedGuest(Guest):
    """A guest whose passes are known.

    :ivar passes: (t_k in seconds, R_k in bytes), the first at 0 s
    :ivar rate_bps: (from when on in seconds, B in bytes/s)
    """

    passes: tuple[tuple[float, float], ...] = ()
    rate_bps: tuple[tuple[float, float], ...] = ()

    def sending_bps(self, t_s: float) -> float:
        """B at that time."""
        return between(self.rate_bps, t_s)


def between(points: Sequence[tuple[float, float]], x: float) -> float:
    """Linear between points, constant outside.

    >>> between([(0, 10.0), (10, 20.0)], 5)
    15.0
    """
    n = bisect_right(points, x, key=lambda point: point[0])
    if n == 0:
        return points[0][1]
    if n == len(points):
        return points[-1][1]
    (x1, y1), (x2, y2) = points[n - 1], points[n]
    return y1 + (y2 - y1) * (x - x1) / (x2 - x1)


class RecordedEngine(Engine):
    """See the module."""

    def __init__(
        self,
        guest: RecordedGuest,
        hosts: Hosts,
        plan: StartPlan,
        seed: int,
        cut_s: float | None,
    ) -> None:
        super().__init__(guest, hosts, plan, seed, cut_s)
        self._recorded = guest

    def set_link(self, link_bps: float) -> None:
        """The link carries what it carried."""

    def set_limit(self, limit_ms: int) -> None:
        super().set_limit(limit_ms)
        if self.phase is not Phase.PRECOPY or self.iteration < 2:
            return
        _, left = self._begin(self.iteration - 1)
        fits = self._threshold()
        if left <= fits and self.out.left_bytes + self._fresh_bytes() <= fits:
            self._collect()
            self._switchover()

    def advance(self, until_s: float) -> None:
        if self.phase is Phase.LAST:
            super().set_link(self._recorded.sending_bps(self.t_s))
        super().advance(until_s)

    def _begin(self, number: int) -> tuple[float, float]:
        """When a pass begins and what is left then, from 0."""
        passes = self._recorded.passes
        if number < len(passes):
            return passes[number]
        last_s, left = passes[-1]
        rate = self._recorded.sending_bps(last_s)
        every_s = max(left / rate, _LEAST_PASS_S)
        return last_s + (number - len(passes) + 1) * every_s, left

    def _pass_end_s(self) -> float:
        return max(self._begin(self.iteration)[0], self.t_s)

    def _set_rate(self) -> None:
        now_s, left = self._begin(self.iteration - 1)
        seconds = self._begin(self.iteration)[0] - now_s
        link = self._recorded.sending_bps(now_s)
        self._hosts = replace(self._hosts, link_mbps=link * 8 / 1e6)
        sent = min(link * seconds / WIRE, left)
        page_bps = sent / seconds
        if self.iteration == 1:
            # Zero pages are found faster than they could be sent.
            page_bps = left / seconds
        self.rates = Rates(sent / seconds * WIRE, page_bps, link)

    @property
    def _gone(self) -> float:
        """Share of the pass that is over."""
        start_s, end_s = (self._begin(self.iteration - n)[0] for n in (1, 0))
        return min((self.t_s - start_s) / (end_s - start_s), 1.0)

    def _fresh_bytes(self) -> float:
        """What has been written since the pass began."""
        start_s, left = self._begin(self.iteration - 1)
        end_s, after = self._begin(self.iteration)
        unsent = max(left - self.rates.page_bps * (end_s - start_s), 0.0)
        return max(after - unsent, 0.0) * self._gone

    def _collect(self) -> None:
        fresh = self._fresh_bytes()
        if self._gone == 1.0:
            _, self.out.left_bytes = self._begin(self.iteration)
        else:
            self.out.left_bytes += fresh
        seconds = self.t_s - self._collected_s
        if seconds > 0:
            self.dirty_bps = fresh / seconds
        self._collected_s = self.t_s


def guest(
    total_bytes: int,
    passes: Sequence[tuple[float, float]],
    rate_bps: Sequence[tuple[float, float]],
) -> RecordedGuest:
    """Return the guest of a recorded migration.

    What its first pass went over faster than the link carries is zero.
    """
    first_s = passes[1][0] if len(passes) > 1 else None
    nonzero = float(total_bytes)
    if first_s is not None:
        middle = between(rate_bps, first_s / 2)
        nonzero = min(middle * first_s / WIRE, nonzero)
    pages = int(nonzero / PAGE_BYTES)
    return RecordedGuest(
        total_bytes,
        pages * PAGE_BYTES,
        passes=tuple(passes),
        rate_bps=tuple(rate_bps),
    )
