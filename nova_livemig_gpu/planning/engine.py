"""QEMU's pre-copy, from event to event.

Names: R bytes of pages left, B rate of pages in bytes/s, L downtime limit.

* After ``setup_s``, and the disks where they are copied, the first pass sends
  all memory; zero pages cost their search only. R falls at B. The devices'
  state that can be sent before the stop follows in it.
* QEMU looks every ``slice_s``. A pass ends with the first look at which R <=
  B * L; B is the bandwidth for the switchover where QEMU was told one. The
  dirty pages are collected: R grows by what was written since the last
  collection and was not waiting already (``planning.regions``). Collecting
  takes ``sync_s_per_gib``.
* If R + the device state of the stop <= B * L the guest is stopped, and what
  is left is sent at the link's rate (QEMU has no limit there), or else the
  next pass begins. The pause is that time and ``overhead_ms``.
* Auto-converge: ``planning.throttle``, at each collection; and a collection
  every ``throttle_sync_s`` at least.
* Post-copy: collects, pauses for ``postcopy_ms``, sends R once. It is refused
  for a guest with device state.
* Force-complete pauses, collects, sends R once: all that is pause.

Between two events everything is linear, so that a look costs the same
whether a pass takes a second or an hour. Chance is a generator with a seed.

Example: 200 MiB of non-zero memory at 50 MiB/s, 40 MiB/s written over 128
MiB, L = 200 ms: the first pass ends after 3.8 s with less than 10 MiB left and
finds nearly 128 MiB dirty.
"""

import math
import random
from dataclasses import replace
from enum import Enum

from nova_livemig_gpu.model import JobState, StartPlan
from nova_livemig_gpu.planning import rates
from nova_livemig_gpu.planning.host import (
    PAGE_BYTES,
    Guest,
    Hosts,
)
from nova_livemig_gpu.planning.outgoing import Outgoing
from nova_livemig_gpu.planning.regions import Regions
from nova_livemig_gpu.planning.throttle import QEMU_STEPS, Throttle

_GIB = 2**30
_MIB = 2**20
#: QEMU's ``downtime-limit`` where nobody sets one.
_QEMU_LIMIT_MS = 300
_ROUNDING = PAGE_BYTES
_SAME = 1e-6


class Phase(Enum):
    """Where a simulated migration is."""

    SETUP = "setup"
    PRECOPY = "precopy"
    #: The rest is sent once, until ``_end_s``.
    LAST = "last"
    ENDED = "ended"


class Engine:
    """One migration. All attributes are there to be read.

    :ivar t_s: how far it has got
    :ivar out: what is left and what was sent
    :ivar device_sent_bytes: device state that was sent
    :ivar stopped: the guest stands still
    :ivar downtime_ms: pause of the guest; None: none so far
    :ivar work_s: seconds of work that the guest got done
    """

    def __init__(
        self,
        guest: Guest,
        hosts: Hosts,
        plan: StartPlan,
        seed: int,
        cut_s: float | None,
    ) -> None:
        """:param cut_s: the job is cancelled then"""
        self._guest, self._hosts = guest, hosts
        self._auto_converge, self._cut_s = plan.auto_converge, cut_s
        self._dice = random.Random(seed)
        self.limit_ms = _QEMU_LIMIT_MS
        self._cap_mib_s = plan.bandwidth_mib_s
        self._switchover_mib_s = plan.switchover_mib_s
        self.phase = Phase.SETUP
        self.state = JobState.RUNNING
        self.t_s = 0.0
        self.out = Outgoing(guest.total_bytes, guest.nonzero_bytes)
        self._regions = Regions(guest.writer)
        self._device_left_bytes = float(guest.device_bytes)
        self._device_bps = self.device_sent_bytes = 0.0
        self.rates = rates.Rates()
        self.iteration = 0
        self._pass_s = self._collected_s = 0.0
        self.dirty_bps: float | None = None
        self.throttle = Throttle(steps=plan.throttle or QEMU_STEPS)
        self.work_s = 0.0
        self.stopped = False
        self.downtime_ms: float | None = None
        self._end_s = self._fixed_s = 0.0

    # ---- what it is told

    def set_limit(self, limit_ms: int) -> None:
        """Set QEMU's ``downtime-limit``."""
        self.limit_ms = limit_ms

    def set_cap(self, mib_s: int) -> None:
        """Limit the rate before the stop; 0: no limit."""
        self._cap_mib_s = mib_s
        if self.phase is Phase.PRECOPY:
            self._set_rate()

    def set_link(self, link_bps: float) -> None:
        """What the link carries from now on: others may come or go."""
        hosts = self._hosts
        if abs(link_bps - hosts.link_bps) <= _SAME * link_bps:
            return
        mbps = link_bps * hosts.link_mbps / hosts.link_bps
        self._hosts = replace(hosts, link_mbps=mbps)
        if self.phase is Phase.PRECOPY:
            self._set_rate()
        elif self.phase is Phase.LAST:
            self._slow_last(hosts.link_bps / link_bps)

    @property
    def disk_left_bytes(self) -> float:
        """What is left of the disks."""
        gone_s = max(self.t_s - self._hosts.setup_s, 0.0)
        whole_s = self._guest.disk_s
        left = 1.0 - min(gone_s / whole_s, 1.0) if whole_s else 0.0
        return self._guest.disk_bytes * left

    @property
    def sends(self) -> bool:
        """Whether something is on the link now."""
        if self.phase is Phase.SETUP:
            return self.disk_left_bytes > 0 and self.t_s > self._hosts.setup_s
        return self.phase in (Phase.PRECOPY, Phase.LAST)

    @property
    def cap_bps(self) -> float | None:
        """Most that it sends now, bytes/s; None: no limit but the link."""
        if self.phase is Phase.SETUP and self._guest.disk_s:
            return self._guest.disk_bytes / self._guest.disk_s
        if self.phase is not Phase.PRECOPY or not self._cap_mib_s:
            return None
        return self._cap_mib_s * _MIB

    def start_postcopy(self) -> None:
        """Switch; memory must be flowing."""
        self._collect()
        self.downtime_ms = self._hosts.postcopy_ms
        pause_s = self._hosts.postcopy_ms / 1e3
        self._last(self._rest_bytes / self._hosts.link_bps + pause_s, pause_s)

    def pause(self) -> None:
        """Stop the guest; what is left is sent at the present rate."""
        if self.phase is Phase.PRECOPY:
            self._collect()
        self._stop(self.rates.wire_bps or self._hosts.link_bps)

    def cancel(self) -> None:
        """End it without success."""
        self._finish(JobState.CANCELLED)

    # ---- time

    def advance(self, until_s: float) -> None:
        """Let it run until then."""
        while self.phase is not Phase.ENDED:
            event_s = self._next_event_s()
            if self._cut_s is not None and event_s > self._cut_s < until_s:
                self._flow(self._cut_s)
                self.cancel()
                return
            if event_s > until_s:
                self._flow(until_s)
                return
            self._flow(event_s)
            self._event()

    def _next_event_s(self) -> float:
        match self.phase:
            case Phase.SETUP:
                setup_s = self._hosts.setup_s + self._guest.disk_s
                return max(setup_s, self.t_s)
            case Phase.PRECOPY:
                return self._pass_end_s()
            case _:
                return self._end_s

    def _pass_end_s(self) -> float:
        spare = max(self.out.left_bytes - self._threshold(), 0.0)
        if self._device_left_bytes:
            spare = self.out.left_bytes
        fits_s = max(self.t_s, self._pass_s) + spare / self.rates.page_bps
        fits_s += self._device_left_bytes / self.rates.wire_bps
        slice_s = self._hosts.slice_s
        slices = math.ceil((fits_s - self._pass_s) / slice_s - _SAME)
        end_s = self._pass_s + max(slices, 1) * slice_s
        often_s = self._hosts.throttle_sync_s
        if self._auto_converge and often_s and self.iteration > 1:
            end_s = min(end_s, self._collected_s + often_s)
        return max(end_s, self.t_s)

    def _threshold(self) -> float:
        """What QEMU takes for sent within the limit."""
        if self._switchover_mib_s is not None:
            return self._switchover_mib_s * _MIB * self.limit_ms / 1e3
        return self.rates.seen_bps * self.limit_ms / 1e3

    def _flow(self, until_s: float) -> None:
        """Let time pass without an event."""
        seconds = until_s - self.t_s
        if seconds <= 0:
            return
        self.t_s = until_s
        if not self.stopped:
            self.work_s += seconds * self._share
        if self.phase is Phase.PRECOPY:
            sending_s = until_s - max(self._pass_s, until_s - seconds)
            self._send(max(sending_s, 0.0))
        elif self.phase is Phase.LAST:
            self.out.send_last(
                self.rates.page_bps * seconds, self.rates.wire_bps * seconds
            )
            self.device_sent_bytes += self._device_bps * seconds

    def _send(self, seconds: float) -> None:
        """Send pages, and the devices' first copy after them."""
        memory_s = seconds
        if self._device_left_bytes:
            memory_s = min(seconds, self.out.left_bytes / self.rates.page_bps)
            device = self.rates.wire_bps * (seconds - memory_s)
            device = min(device, self._device_left_bytes)
            self._device_left_bytes -= device
            self.device_sent_bytes += device
            self.out.sent_bytes += device
        self.out.send(self.rates.page_bps * memory_s)

    @property
    def _share(self) -> float:
        return self._guest.work_share(self.throttle.percent)

    # ---- events

    def _event(self) -> None:
        match self.phase:
            case Phase.SETUP:
                self.phase = Phase.PRECOPY
                self._collected_s = self.t_s
                self._next_pass()
            case Phase.PRECOPY:
                self._collect()
                device = self._guest.device_stop_bytes
                if (
                    self.out.left_bytes + device
                    <= self._threshold() + _ROUNDING
                ):
                    self._switchover()
                else:
                    self._next_pass()
            case Phase.LAST:
                self._finish(JobState.COMPLETED)

    def _next_pass(self) -> None:
        self.iteration += 1
        sync_s = self._hosts.sync_s_per_gib * self._guest.total_bytes / _GIB
        self._pass_s = self.t_s + (sync_s if self.iteration > 1 else 0.0)
        self._set_rate()

    def _set_rate(self) -> None:
        """Set the rates of the pass that runs."""
        chance = 1.0
        if self._hosts.jitter:
            chance = max(self._dice.gauss(1.0, self._hosts.jitter), 0.1)
        self.rates = rates.of_pass(
            self._guest,
            self._hosts,
            self.iteration == 1,
            self._cap_mib_s,
            chance,
        )

    def _collect(self) -> None:
        """Add what was written since the last time to what is left."""
        age_s = self._guest.age_s
        total = self._guest.total_bytes
        fresh = self._regions.collect(
            self.out.left_bytes,
            total if self.iteration == 1 else None,
            (age_s + self._collected_s, age_s + self.t_s),
            self._share,
        )
        seconds = self.t_s - self._collected_s
        if seconds > 0:
            self.dirty_bps = fresh / seconds
        self.out.left_bytes = min(self.out.left_bytes + fresh, float(total))
        self._collected_s = self.t_s
        if self._auto_converge:
            self.throttle = self.throttle.collected(
                self.t_s, self.out.sent_bytes, fresh
            )

    def _switchover(self) -> None:
        self._stop(self._hosts.link_bps)

    def _stop(self, wire_bps: float) -> None:
        overhead_s = self._hosts.overhead_ms / 1e3
        pause_s = self._rest_bytes / wire_bps + overhead_s
        self.stopped = True
        self.downtime_ms = pause_s * 1e3
        self._last(pause_s, overhead_s)

    @property
    def _rest_bytes(self) -> float:
        """What is left, on the wire."""
        return self.out.rest_bytes + self._guest.device_stop_bytes

    def _last(self, seconds: float, fixed_s: float) -> None:
        """Send the rest once, in so many seconds.

        :param fixed_s: of these, what is not sending
        """
        self._end_s = self.t_s + seconds + self._hosts.end_s
        self._fixed_s = fixed_s + self._hosts.end_s
        seconds = max(self._end_s - self.t_s, _SAME)
        self.rates = replace(
            self.rates,
            wire_bps=self._rest_bytes / seconds,
            page_bps=self.out.left_bytes / seconds,
        )
        self._device_bps = self._guest.device_stop_bytes / seconds
        self.phase = Phase.LAST

    def _slow_last(self, factor: float) -> None:
        """Let what is left of the sending take so many times as long."""
        left_s = self._end_s - self.t_s
        sending_s = left_s - min(self._fixed_s, left_s)
        more_s = (factor - 1.0) * sending_s
        if not left_s or not more_s:
            return
        self._end_s += more_s
        if self.stopped and self.downtime_ms is not None:
            self.downtime_ms += more_s * 1e3
        share = left_s / (left_s + more_s)
        self.rates = replace(
            self.rates,
            wire_bps=self.rates.wire_bps * share,
            page_bps=self.rates.page_bps * share,
        )
        self._device_bps *= share

    def _finish(self, state: JobState) -> None:
        self.phase = Phase.ENDED
        self.state = state
        if state is JobState.COMPLETED:
            self.out.left_bytes = 0.0
