"""The sending rate of one migration, looked at with every sample.

    most    its share of the link (``migration.sharers``), and never more than
            its own ``bandwidth_mbps``
    rate    ``bandwidth_law = full``: most; ``dynamic``: as
            ``policies.dynamic_rate`` says, up to most, or to 500 Mbit/s where
            nothing bounds it

Rates are rounded down to whole MiB/s, libvirt's unit, 1 MiB/s at least, so
that shares are never more than the link together. A rate that is less than 5%
above the one in force leaves that: what shares rise by is little then, and
every change is told to QEMU. Where there is no most any more, the limit is
what it was at the start. After the switch to post-copy nothing is said any
more.

While its server stands still, for its switchover or because it was paused, no
limit binds it, and it has what TCP leaves it beside the others; the policy is
told (``Progress.stopped_bps``). In its switchover nothing is set, and it needs
all of the link where that is scarce, so that the others soon make room.

At the end of each pass the need is worked out anew, from what passes have
shown and what is left; so a need that was predicted wrong is put right. After
the switch to post-copy there is none.

A fault of this leaves the rate as it was at the start, aloud, and goes no
further; so does what libvirt refuses three times.

Example: a share of 60 MB/s, bandwidth_mbps of 400 (48 MiB/s): 48 MiB/s.
"""

from dataclasses import replace

from nova_livemig_gpu.migration.sharers import Lane
from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    BandwidthLaw,
    Budget,
    Decision,
    DirtyCurve,
)
from nova_livemig_gpu.policies import dynamic_rate, need
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.policies.sharing import UNKNOWN

_BITS = 8
_MEGA = 10**6
_MIB = 2**20
_LITTLE = 1.05


class Pace:
    """Of one migration.

    :param lane: its place on the link
    :param load: what it was before the start
    :param curve: the dirty curve known before the start
    """

    def __init__(
        self,
        lane: Lane,
        budget: Budget,
        load: need.Load,
        curve: DirtyCurve | None = None,
    ) -> None:
        self._lane = lane
        self._budget = budget
        self._load = load
        self._curve = curve

    @property
    def dynamic(self) -> bool:
        """Whether the rate follows what passes dirty."""
        return self._budget.bandwidth_law is BandwidthLaw.DYNAMIC

    def look(self, progress: Progress) -> tuple[Progress, Decision | None]:
        """Return the progress with the rate that may come, and the rate to
        be set now; None: it is right as it is."""
        if progress.aborting:
            return progress, None
        stopped = progress.sample is not None and progress.sample.stopped
        stopped_bps = self._lane.stopped_bps()
        if stopped_bps != progress.stopped_bps:
            progress = replace(progress, stopped_bps=stopped_bps)
        if progress.postcopy:
            self._tell(progress)
            return progress, None
        if stopped and not progress.forced:
            self._ask_for_room()
            return progress, None
        if progress.pass_ended:
            self._tell(progress)
        most_bps = self._most_bps()
        if progress.forced:
            return progress, self._decide(progress, None, "paused")
        if not self.dynamic:
            return progress, self._decide(progress, most_bps, "share")
        if most_bps is None:
            most_bps = self._link_bps()
        rate_bps = self._dynamic_bps(progress, most_bps)
        return replace(progress, ahead_bps=most_bps), self._decide(
            progress, rate_bps, "dynamic_rate"
        )

    def give_up(self) -> None:
        """Its rate is not looked after any more."""
        self._lane.changed(UNKNOWN)

    def _ask_for_room(self) -> None:
        """Where others would make the pause longer, need all there is."""
        capacity = self._lane.capacity_bps()
        if capacity is not None and self._lane.crowded():
            self._lane.changed(replace(self._lane.demand, need_bps=capacity))

    def _tell(self, progress: Progress) -> None:
        """Say what the migration needs from here on."""
        demand, capacity = self._lane.demand, self._lane.capacity_bps()
        if capacity is None:
            return
        most = min(capacity, demand.most_bps or capacity)
        load = need.left(progress, self._curve, self._load)
        if progress.postcopy:
            load = replace(load, ends_anyhow=True)
        needed = need.need_bps(load, most)
        self._lane.changed(replace(demand, need_bps=needed))

    def _most_bps(self) -> float | None:
        share, own = self._lane.share_bps(), self._budget.bandwidth_bps
        if share is None or own is None:
            return share if own is None else own
        return min(share, own)

    def _link_bps(self) -> float:
        """The most where nothing else bounds it."""
        capacity = self._lane.capacity_bps()
        return capacity or dynamic_rate.MOST_MBPS * _MEGA / _BITS

    def _dynamic_bps(self, progress: Progress, most_bps: float) -> float:
        most = most_bps * _BITS / _MEGA
        # What several passes in one dirtied in which time is not known.
        whole = [each for each in progress.passes if not each.merged]
        if whole:
            mbps = dynamic_rate.next_mbps(whole[-1], most)
        else:
            mbps = dynamic_rate.first_mbps(most)
        return mbps * _MEGA / _BITS

    def _decide(
        self, progress: Progress, rate_bps: float | None, code: str
    ) -> Decision | None:
        wanted = 0
        if rate_bps is not None and rate_bps != self._budget.bandwidth_bps:
            wanted = max(int(rate_bps / _MIB), 1)
        now = progress.bandwidth_mib_s or 0
        if wanted == now or now < wanted < _LITTLE * now:
            return None
        return Decision(
            Action(ActionKind.SET_BANDWIDTH, wanted),
            code=code,
            reason=self._reason(progress, wanted, code),
            numbers={"rate_bps": rate_bps, "share_bps": self._most_bps()},
        )

    def _reason(self, progress: Progress, wanted: int, code: str) -> str:
        if not wanted:
            return "its rate is bounded by its own settings only"
        if code == "dynamic_rate":
            return f"after pass {progress.pass_count}"
        return "its share of the link"
