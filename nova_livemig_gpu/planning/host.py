"""What a simulated migration stands on: guest, link, hosts. All frozen."""

from dataclasses import dataclass, field

from nova_livemig_gpu.planning.guestwrites import Idle, Writer
from nova_livemig_gpu.prediction import throttled

#: A page on the wire has a header of 8 bytes.
PAGE_BYTES = 4096
HEADER_BYTES = 8
_BITS = 8
_MEGA = 10**6


@dataclass(frozen=True)
class Guest:
    """The server that moves.

    :ivar total_bytes: its memory as QEMU counts it
    :ivar nonzero_bytes: of that, memory that is not all zeros
    :ivar cpu_share: share of its CPU time that it needs to write at its full
        rate; what a throttle takes beyond the rest slows it down
    :ivar age_s: how long it has been writing when the migration starts
    :ivar device_bytes: device state that is copied before the stop
    :ivar device_stop_bytes: device state that is copied in the pause
    :ivar disk_bytes: disks that are copied before memory flows
    :ivar disk_s: how long that takes
    """

    total_bytes: int
    nonzero_bytes: int
    writer: Writer = field(default_factory=Idle)
    cpu_share: float = 1.0
    age_s: float = 60.0
    device_bytes: int = 0
    device_stop_bytes: int = 0
    disk_bytes: int = 0
    disk_s: float = 0.0

    @property
    def has_device(self) -> bool:
        """Whether it has device state."""
        return bool(self.device_bytes or self.device_stop_bytes)

    def work_share(self, throttle_percent: int) -> float:
        """Share of its full rate that it reaches under a throttle."""
        if not self.cpu_share:
            return 1.0
        return throttled.work_share(throttle_percent, self.cpu_share)


@dataclass(frozen=True)
class Hosts:
    """Link and hosts; everything but ``link_mbps`` is calibrated
    (``planning.fitting``).

    :ivar link_mbps: of the link, 10**6 bit/s
    :ivar efficiency: share of that which carries memory
    :ivar setup_s: from the call until memory flows
    :ivar end_s: from the destination's start until the job has ended
    :ivar overhead_ms: of a pause, beside copying
    :ivar postcopy_ms: pause of a switch to post-copy
    :ivar sync_s_per_gib: to collect the dirty pages, for each GiB of guest
    :ivar zero_bps: how fast zero pages are found, bytes/s
    :ivar slice_s: QEMU sends for so long between two looks at what is left
    :ivar jitter: standard deviation of the rate of a pass, as a share
    :ivar throttle_sync_s: with auto-converge the dirty pages are collected
        that often at least after the first pass (QEMU 9.2 and newer); None:
        never between passes
    """

    link_mbps: float
    efficiency: float = 0.95
    setup_s: float = 0.5
    end_s: float = 0.05
    overhead_ms: float = 50.0
    postcopy_ms: float = 60.0
    sync_s_per_gib: float = 0.004
    zero_bps: float = 2.0 * 2**30
    slice_s: float = 0.05
    jitter: float = 0.0
    throttle_sync_s: float | None = 5.0

    @property
    def link_bps(self) -> float:
        """What the link carries of pages and headers, bytes/s."""
        return self.link_mbps * _MEGA / _BITS * self.efficiency
