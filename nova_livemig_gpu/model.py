"""The values that travel through this package. All frozen.

Units stand in the names: ``_s`` seconds, ``_ms`` milliseconds, ``_bytes``
bytes, ``_bps`` **bytes** per second unless the name says ``mbps`` (10**6
bits per second, as operators write it). ``None`` means unknown, never 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

#: What a flavor, an image or an option can set for a server.
SETTING_NAMES = (
    "policy",
    "max_downtime_ms",
    "timeout_s",
    "on_timeout",
    "not_converging",
    "postcopy",
    "auto_converge",
    "bandwidth_mbps",
    "goal",
    "over_budget",
    "postcopy_start",
    "bandwidth_law",
)


class Goal(Enum):
    """What a policy aims at, see the option ``goal``."""

    FAST = "fast"
    GENTLE = "gentle"


class OnTimeout(Enum):
    """What is done at the deadline, see the option ``on_timeout``."""

    ABORT = "abort"
    FORCE_COMPLETE = "force_complete"
    POSTCOPY = "postcopy"
    CONTINUE = "continue"


class NotConverging(Enum):
    """What is done with a migration that is not expected to end, before its
    deadline, see the option ``not_converging``."""

    CONTINUE = "continue"
    ABORT = "abort"


class OverBudget(Enum):
    """What is done with a migration that is predicted to break its budget,
    see the option ``over_budget``."""

    REFUSE = "refuse"
    WARN = "warn"
    ALLOW = "allow"


class PostcopyStart(Enum):
    """When post-copy may begin, see the option ``postcopy_start``."""

    AFTER_FIRST_PASS = "after_first_pass"
    AS_PREDICTED = "as_predicted"


class BandwidthLaw(Enum):
    """How fast memory is sent, see the option ``bandwidth_law``."""

    FULL = "full"
    DYNAMIC = "dynamic"


@dataclass(frozen=True)
class Budget:
    """What one server's migration may cost; the resolved settings.

    :ivar max_downtime_ms: longest pause at the switchover
    :ivar timeout_s: seconds until ``on_timeout``; None: never
    :ivar postcopy: post-copy may be used
    :ivar auto_converge: the CPUs may be slowed down
    :ivar bandwidth_mbps: most to send in Mbit/s; None: no limit
    :ivar over_budget: whether the server may go although its device needs
        longer than ``max_downtime_ms``
    :ivar postcopy_start: when the switch to post-copy may come
    :ivar bandwidth_law: how fast memory is sent before the switchover
    :ivar not_converging: what is done, before its deadline, with one that is
        not expected to end
    :ivar sources: for each setting where its value came from
        ("option", "nova", "flavor", "image", "server")
    """

    policy: str
    max_downtime_ms: int
    timeout_s: float | None
    on_timeout: OnTimeout
    postcopy: bool
    auto_converge: bool
    bandwidth_mbps: int | None
    goal: Goal
    over_budget: OverBudget = OverBudget.REFUSE
    postcopy_start: PostcopyStart = PostcopyStart.AFTER_FIRST_PASS
    bandwidth_law: BandwidthLaw = BandwidthLaw.FULL
    not_converging: NotConverging = NotConverging.CONTINUE
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def bandwidth_bps(self) -> float | None:
        """Most to send in bytes/s; None: no limit."""
        return self.bandwidth_mbps * 1e6 / 8 if self.bandwidth_mbps else None


class JobState(Enum):
    """What libvirt says of a migration job."""

    NONE = "none"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Sample:
    """One look at a running migration.

    :ivar t_s: seconds since the loop began, from a monotonic clock
    :ivar iteration: number of the pass, from 1; None while nothing flows
    :ivar processed_bytes: sent so far, headers, zero pages and device state
        included (QEMU ``ram.transferred``)
    :ivar memory_bps: sending rate as QEMU measured it, bytes/s
    :ivar dirty_bps: QEMU's own dirty rate, bytes/s, from the last bitmap
        synchronisation
    :ivar throttle_percent: how much auto-converge takes from the CPUs
    :ivar downtime_ms: expected downtime while running, real one at the end
    :ivar vfio_bytes: device state sent so far
    :ivar stopped: the guest stands still, for its switchover or because it
        was suspended meanwhile; None: unknown
    """

    t_s: float
    state: JobState
    iteration: int | None = None
    total_bytes: int | None = None
    processed_bytes: int | None = None
    remaining_bytes: int | None = None
    memory_bps: float | None = None
    dirty_bps: float | None = None
    page_size_bytes: int | None = None
    normal_pages: int | None = None
    zero_pages: int | None = None
    postcopy_requests: int | None = None
    throttle_percent: int | None = None
    downtime_ms: int | None = None
    setup_ms: int | None = None
    elapsed_ms: int | None = None
    vfio_bytes: int | None = None
    disk_total_bytes: int | None = None
    disk_remaining_bytes: int | None = None
    stopped: bool | None = None


@dataclass(frozen=True)
class Pass:
    """One finished pass over the server's memory.

    :ivar number: 1 for the first pass
    :ivar sent_bytes: what the pass sent
    :ivar dirtied_bytes: distinct memory found dirty at its end that was not
        waiting already
    :ivar unsent_bytes: what was waiting still; the next pass has to send
        both
    :ivar merged: the loop was away, and it is several passes in one: what
        it dirtied and how long it took do not belong together
    :ivar throttle_percent: what auto-converge took from the CPUs in it; 0:
        nothing
    """

    number: int
    start_s: float
    end_s: float
    sent_bytes: int
    dirtied_bytes: int
    merged: bool = False
    unsent_bytes: int = 0
    throttle_percent: int = 0

    @property
    def left_bytes(self) -> int:
        """What the next pass has to send."""
        return self.dirtied_bytes + self.unsent_bytes

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True)
class CurvePoint:
    """``dirty_bytes`` distinct bytes are dirtied in ``period_s``."""

    period_s: float
    dirty_bytes: float


@dataclass(frozen=True)
class DirtyCurve:
    """f(t): distinct bytes dirtied in t seconds from a clean start.

    :ivar points: at rising periods
    :ivar ceiling_bytes: f never exceeds this (all non-zero memory)
    """

    points: tuple[CurvePoint, ...]
    ceiling_bytes: float


@dataclass(frozen=True)
class GuestMemory:
    """What the first pass finds, in pages.

    :ivar normal_pages: pages that are not zero
    :ivar zero_pages: a header each is all that is sent of them
    """

    normal_pages: float
    zero_pages: float
    page_size_bytes: int = 4096

    @property
    def normal_bytes(self) -> float:
        """All memory that is not zero, the ceiling of the dirty curve."""
        return self.normal_pages * self.page_size_bytes


class Mode(Enum):
    """How memory is sent."""

    PRECOPY = "precopy"
    POSTCOPY = "postcopy"
    HYBRID = "hybrid"


@dataclass(frozen=True)
class Prediction:
    """What a migration is expected to cost from some moment on.

    :ivar total_s: seconds; None where it does not converge
    :ivar downtime_ms: None where it does not converge
    :ivar passes: over the memory, the last included; where it does not
        converge, how many were looked at
    :ivar floor_bytes: least that further passes leave to send
    :ivar total_p90_s: exceeded once in ten times; None: unknown
    :ivar downtime_p90_ms: exceeded once in ten times; None: unknown
    :ivar disk_bytes: of ``sent_bytes``, what is disk
    :ivar stun: the part of the downtime that is the devices' state
    :ivar factor: what ``total_s`` was multiplied by, for past errors
    :ivar offset_ms: what was added to ``downtime_ms``, for past errors
    """

    converges: bool
    total_s: float | None
    downtime_ms: float | None
    passes: int
    sent_bytes: float
    floor_bytes: float
    why: str
    mode: Mode = Mode.PRECOPY
    total_p90_s: float | None = None
    downtime_p90_ms: float | None = None
    disk_bytes: float = 0.0
    stun: "Stun | None" = None
    factor: float = 1.0
    offset_ms: float = 0.0


class ActionKind(Enum):
    """What a policy can ask for; ``WARN``: that its operator is told, once,
    and nothing else."""

    SET_DOWNTIME = "set_downtime"
    SET_BANDWIDTH = "set_bandwidth"
    START_POSTCOPY = "start_postcopy"
    FORCE_COMPLETE = "force_complete"
    ABORT = "abort"
    WARN = "warn"


@dataclass(frozen=True)
class Action:
    """An action and its value, if it takes one (``SET_DOWNTIME``: ms,
    ``SET_BANDWIDTH``: MiB/s, libvirt's unit; 0: as it was at the start)."""

    kind: ActionKind
    value: int | None = None


@dataclass(frozen=True)
class Decision:
    """An action with its reason, in words that an operator understands.

    :ivar code: stable name of the rule that decided
    :ivar numbers: what the rule looked at
    """

    action: Action
    code: str
    reason: str
    numbers: Mapping[str, float | int | None] = field(default_factory=dict)


@dataclass(frozen=True)
class ThrottleSteps:
    """Steps of auto-converge, in points of the CPUs' time.

    :ivar initial: the first one (QEMU: 20)
    :ivar increment: each further one (QEMU: 10), to 99 at most
    """

    initial: int
    increment: int


@dataclass(frozen=True)
class StartPlan:
    """Everything that is fixed when a migration starts.

    :ivar postcopy: the job can be switched to post-copy
    :ivar auto_converge: QEMU may slow the CPUs down
    :ivar bandwidth_mib_s: libvirt's unit; 0: no limit
    :ivar max_downtime_ms: first limit; None: leave QEMU's own (300 ms)
    :ivar channels: connections that memory and device state are sent over
        side by side; None: as Nova has it
    :ivar switchover_mib_s: what QEMU is told that the link carries when it
        stops the guest, libvirt's unit; None: it takes what it measures
    :ivar throttle: how auto-converge begins; None: as QEMU has it
    :ivar postcopy_mib_s: most that post-copy may send beside the pages that
        the guest waits for, libvirt's unit; None: no limit
    :ivar notes: why a wish of the budget could not be granted
    """

    postcopy: bool
    auto_converge: bool
    bandwidth_mib_s: int
    max_downtime_ms: int | None
    channels: int | None = None
    switchover_mib_s: int | None = None
    throttle: "ThrottleSteps | None" = None
    postcopy_mib_s: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Staircase:
    """Nova's schedule of downtime limits, as ``[libvirt]`` has it.

    :ivar downtime_ms: ``live_migration_downtime``
    :ivar steps: ``live_migration_downtime_steps``
    :ivar delay_s: ``live_migration_downtime_delay``, for each GiB
    :ivar size_gib: memory and disks to copy, each 2 GiB at least
    """

    downtime_ms: int
    steps: int
    delay_s: int
    size_gib: float


#: Migrations of a GPU after which the P90 of its stun means something: with
#: five, nine of ten stuns of a GPU that nothing was known of were within.
STUN_LEARNT = 5


@dataclass(frozen=True)
class Stun:
    """How long all vGPUs of a server are expected to stop it, together.

    :ivar p50_ms: as likely to be exceeded as not
    :ivar p90_ms: exceeded once in ten times
    :ivar framebuffer_bytes: framebuffer in use that this was worked out
        for, of all vGPUs; None: unknown
    :ivar basis: where the framebuffer's size came from: "nvml" (in use
        now), "type" (the vGPU type's whole framebuffer, an upper bound),
        "history" (earlier migrations of this server), "given" (by whoever
        asked)
    :ivar learnt_from: how many migrations with such a GPU, seen on this
        host, are in it
    :ivar guess: no such migration was seen; it rests on what is published,
        of other GPUs for the most part
    """

    p50_ms: float
    p90_ms: float
    framebuffer_bytes: int | None = None
    basis: str | None = None
    learnt_from: int = 0
    guess: bool = False

    @property
    def expected_ms(self) -> float:
        """What is compared with a server's budget.

        P90 is the safe side, but of a GPU that was seldom migrated it is
        wide. So it is the median until ``STUN_LEARNT`` migrations have taught
        it.

        Example: 900 ms and P90 4200 ms, learnt from 2 migrations: 900; 900
        and 1100 ms, learnt from 5: 1100.
        """
        return self.p90_ms if self.learnt_from >= STUN_LEARNT else self.p50_ms

    @property
    def held_ms(self) -> float | None:
        """What is held against a server's budget, by the scheduler's filter
        and before the start alike; None: nothing.

        A guess refuses nothing: a vGPU that sends its state while it runs
        stops its server for a hundredth of it, and none would ever be seen
        where each is refused.
        """
        return None if self.guess else self.expected_ms


@dataclass(frozen=True)
class Surroundings:
    """What a policy may know of server and host before the start.

    :ivar no_postcopy: why this server cannot use post-copy; None: it can
    :ivar overhead_ms: part of the pause that is not copying
    :ivar vfio: the server has a VFIO device (vGPU or PCI passthrough)
    :ivar staircase: what Nova would do
    :ivar stun: pause that device state is expected to cost; None: unknown,
        or no device
    :ivar channels: connections that device state can be sent over at both
        ends; None: one only
    :ivar no_channels: why not; None: they can, or none are wanted
    :ivar switchover_mib_s: what the link is believed to carry, MiB/s; None:
        QEMU or libvirt cannot be told
    :ivar forecast: the whole migration as predicted before its start
    :ivar curve: the dirty curve known before the start
    :ivar throttle_percent: auto-converge that pre-copy is predicted to need;
        None: none, or unknown, or none is enough
    """

    overhead_ms: float
    no_postcopy: str | None = None
    vfio: bool = False
    staircase: Staircase | None = None
    stun: Stun | None = None
    channels: int | None = None
    no_channels: str | None = None
    switchover_mib_s: int | None = None
    forecast: Prediction | None = None
    curve: DirtyCurve | None = None
    throttle_percent: int | None = None


@dataclass(frozen=True)
class Outcome:
    """How a migration ended.

    :ivar state: COMPLETED, FAILED or CANCELLED
    :ivar reason: why it did not complete; None where it did
    :ivar downtime_ms: as QEMU measured it; None: unknown. After post-copy it
        leaves out the start at the destination.
    :ivar forced: the server was paused so that the migration ended
    :ivar vfio_bytes: device state sent, all of it; None: unknown
    :ivar code: of the reason, in a word; None where there is none
    """

    state: JobState
    reason: str | None = None
    total_ms: int | None = None
    downtime_ms: int | None = None
    sent_bytes: int | None = None
    passes: int | None = None
    postcopy: bool = False
    forced: bool = False
    throttle_percent: int | None = None
    vfio_bytes: int | None = None
    code: str | None = None


class VgpuKind(Enum):
    """How a GPU hands its vGPUs to servers."""

    MDEV = "mdev"
    VF = "vf"


@dataclass(frozen=True)
class VgpuType:
    """A vGPU type that a GPU supports.

    :ivar type_id: as the kernel and libvirt know it: "nvidia-558", "mtty-1";
        for a VF NVIDIA's number, "1132"
    :ivar name: as NVML or sysfs tells it, "NVIDIA A40-8Q"
        or, where only the number is known, the number
    :ivar framebuffer_mib: framebuffer of one vGPU
    :ivar creatable: how many more can be created now; of another host, how
        many more there is room for, idle ones included
    :ivar or_more: ``creatable`` are certain, and whether more than these can
        be created is unknown
    :ivar idle: how many exist that no server has: the next server gets one
        of these; None: unknown
    """

    type_id: str
    name: str
    framebuffer_mib: int | None = None
    creatable: int | None = None
    or_more: bool = False
    idle: int | None = 0

    @property
    def room(self) -> "Room":
        """How many more servers can have one: Nova takes an idle one first,
        then creates."""
        certain = (self.creatable or 0) + (self.idle or 0)
        known = self.creatable is not None and self.idle is not None
        if known and not self.or_more:
            return Room(certain)
        return Room(certain, or_more=True) if certain else Room(None)


@dataclass(frozen=True)
class Room:
    """How many more vGPUs of a type there is room for.

    :ivar vgpus: so many are certain; None: unknown
    :ivar or_more: whether there is room for more than these is unknown
    """

    vgpus: int | None
    or_more: bool = False


@dataclass(frozen=True)
class VgpuFunction:
    """A virtual function that is a vGPU, whether a server has it or not.

    :ivar address: PCI address of the function
    :ivar gpu: address of its GPU
    :ivar type_id: see :class:`VgpuType`
    """

    address: str
    gpu: str
    type_id: str


@dataclass(frozen=True)
class GpuDevice:
    """A physical GPU, or another parent of mediated devices.

    :ivar address: PCI address, "0000:3b:00.0"; for a parent that is no PCI
        device its name, "mtty"
    :ivar name: as its driver tells it, "NVIDIA H100 80GB HBM3"
    :ivar kind: None: it has no vGPUs
    :ivar board: board part number, "692-2G520-0200-000"; only NVML tells
    :ivar pci_ids: PCI and subsystem IDs, "10de:2330:10de:16c1". Each of the
        two tells H100 from H200 and an 80 GB from a 94 GB board
    :ivar driver: version of the host driver, "570.158.02"
    :ivar vgpu_manager: version of the vGPU manager
    :ivar ecc: ECC is on
    :ivar mig: MIG mode is on
    :ivar vgpu_mode: host vGPU mode, "sriov" or "non_sriov"
    :ivar streaming: the device streams its state (NVML device capability)
    :ivar read_mb_s: device buffer read bandwidth, MB/s (NVML)
    :ivar write_mb_s: the same for writing
    :ivar migratable: the kernel's VFIO driver can migrate its vGPUs
    """

    address: str
    name: str
    kind: VgpuKind | None = None
    board: str | None = None
    pci_ids: str | None = None
    memory_mib: int | None = None
    driver: str | None = None
    vgpu_manager: str | None = None
    ecc: bool | None = None
    mig: bool | None = None
    vgpu_mode: str | None = None
    streaming: bool | None = None
    read_mb_s: int | None = None
    write_mb_s: int | None = None
    migratable: bool | None = None
    types: tuple[VgpuType, ...] = ()


@dataclass(frozen=True)
class ActiveVgpu:
    """A vGPU in use.

    :ivar server: UUID of the server that has it
    :ivar gpu: address of its GPU
    :ivar type_id: see :class:`VgpuType`
    :ivar framebuffer_used_bytes: as NVML tells it
    :ivar guest_driver: version of the driver in the guest, once it runs
    :ivar stun_ms: how long *all* vGPUs of its server are expected to stop
        it together, as is held against a budget (``Stun.held_ms``), over the
        link of the host that says so
    """

    server: str
    gpu: str
    type_id: str
    framebuffer_used_bytes: int | None = None
    guest_driver: str | None = None
    stun_ms: float | None = None


@dataclass(frozen=True)
class GpuTelemetry:
    """How busy a GPU is just now. None: it does not tell.

    :ivar pcie_tx_bps: bytes/s that it sends over PCIe
    :ivar nvlink_tx_kib: KiB sent over all its NVLinks, a counter
    :ivar licensed: of each vGPU of the server asked about
    """

    gpu_percent: int | None = None
    memory_percent: int | None = None
    pcie_tx_bps: int | None = None
    pcie_rx_bps: int | None = None
    nvlink_tx_kib: int | None = None
    nvlink_rx_kib: int | None = None
    licensed: tuple[bool | None, ...] = ()


@dataclass(frozen=True)
class Compatibility:
    """Can a running vGPU go on, on a GPU of this host? NVML's verdict.

    :ivar live: it can be migrated live; None: unknown
    :ivar reason: the verdict in a sentence
    :ivar vm_states: from which states the server can go on there: "live",
        "sleep", "hibernate", "cold" (nvml.h, nvmlVgpuVmCompatibility_t)
    :ivar limits: what limits that: "host_driver", "guest_driver", "gpu",
        "other" (nvml.h, nvmlVgpuPgpuCompatibilityLimitCode_t)
    """

    live: bool | None
    reason: str
    vm_states: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class CpuFacts:
    """The CPU that servers on this host can have.

    :ivar vendor: "Intel", "AMD"
    :ivar model: libvirt's name of the host CPU model
    :ivar features: libvirt's names, those implied by the model included
    :ivar tsc_hz: frequency of the time stamp counter
    :ivar tsc_scaling: another frequency can be given to a server
    :ivar models: libvirt's named models that servers can have here with all
        that belongs to the model; empty: unknown
    :ivar arch: libvirt's name of the host's architecture, "x86_64"
    :ivar virt_type: what this is the CPU of: "kvm", or "qemu" where it is
        emulated and the host's own does not matter
    """

    vendor: str | None = None
    model: str | None = None
    features: frozenset[str] = frozenset()
    tsc_hz: int | None = None
    tsc_scaling: bool | None = None
    models: frozenset[str] = frozenset()
    arch: str | None = None
    virt_type: str | None = None


@dataclass(frozen=True)
class GuestCpu:
    """The CPU and the machine of a running server, as libvirt tells them.

    :ivar server: UUID of the server
    :ivar arch: libvirt's name of the server's architecture
    :ivar virt_type: "kvm", "qemu"
    :ivar machine_type: the canonical name, "pc-q35-9.2"
    :ivar vendor: that a host-model server was started with
    :ivar features: libvirt's names, those that its model implies included;
        empty: libvirt compares none; None: unknown
    :ivar passthrough: it has all that its host's CPU has, and libvirt
        compares nothing
    :ivar tsc_hz: frequency that the server must find; None: any
    """

    server: str
    arch: str | None = None
    virt_type: str | None = None
    machine_type: str | None = None
    vendor: str | None = None
    features: frozenset[str] | None = None
    passthrough: bool = False
    tsc_hz: int | None = None


@dataclass(frozen=True)
class HostFacts:
    """What other hosts and the scheduler learn of this one.

    :ivar version: of this package
    :ivar nova_release: 34 for Nova 34.x; None: one that we do not steer
    :ivar gpus: None: unknown; empty: there is none
    :ivar active: vGPUs in use; None: unknown
    :ivar guests: the CPUs of the servers that run here; None: unknown
    :ivar cpu_mode: ``[libvirt] cpu_mode``, "host-model" and so on
    :ivar migrations_out: live migrations that leave this host now
    :ivar migrations_in: live migrations that come to this host now
    :ivar link_mbps: speed of the link that they take, 10**6 bit/s
    :ivar max_downtime_ms: the option's value here, for servers whose flavor
        and image say nothing
    :ivar over_budget: the same of that option
    """

    version: str
    nova_release: int | None = None
    cpu: CpuFacts | None = None
    cpu_mode: str | None = None
    machine_types: tuple[str, ...] = ()
    qemu: str | None = None
    libvirt: str | None = None
    kernel: str | None = None
    gpus: tuple[GpuDevice, ...] | None = None
    active: tuple[ActiveVgpu, ...] | None = None
    guests: tuple[GuestCpu, ...] | None = None
    migrations_out: int | None = None
    migrations_in: int | None = None
    link_mbps: int | None = None
    max_downtime_ms: int | None = None
    over_budget: str | None = None


@dataclass(frozen=True)
class VgpuMetadata:
    """NVML metadata of the vGPUs of a running server, as its host tells it.

    :ivar blobs: one for each vGPU; None: unknown
    :ivar why: why they are unknown
    """

    blobs: tuple[bytes, ...] | None
    why: str | None = None
