"""What a server needs of a host that it is to be migrated to."""

from dataclasses import dataclass

from nova_livemig_gpu.model import GpuDevice, VgpuType


@dataclass(frozen=True)
class CpuNeeds:
    """What the server uses of a CPU.

    :ivar vendor: None: any
    :ivar model: libvirt's named model that the server was started with;
        None: none, or its features are known
    :ivar features: libvirt's names
    :ivar machine_type: as the server was created with
    :ivar tsc_hz: frequency that the server must find; None: any
    :ivar arch: libvirt's name of its architecture; None: unknown
    :ivar virt_type: "kvm", "qemu"; None: unknown
    :ivar assumed: why it may need less than this; None: it is what libvirt
        will ask of the destination
    """

    vendor: str | None = None
    model: str | None = None
    features: frozenset[str] = frozenset()
    machine_type: str | None = None
    tsc_hz: int | None = None
    arch: str | None = None
    virt_type: str | None = None
    assumed: str | None = None


@dataclass(frozen=True)
class VgpuNeeds:
    """Equal vGPUs of the server.

    :ivar gpu: that they are on now
    :ivar type: what they are
    :ivar count: how many
    """

    gpu: GpuDevice
    type: VgpuType
    count: int = 1


@dataclass(frozen=True)
class StunNeeds:
    """How long the server may be stopped, and will be by its vGPUs.

    :ivar stun_ms: predicted on its host, for the host's link, see
        ``model.Stun.held_ms``
    :ivar max_downtime_ms: its budget
    :ivar link_mbps: of its host; None: unknown
    :ivar over_budget: "refuse", "warn" or "allow": what is done where the
        first is more than the second
    """

    stun_ms: float
    max_downtime_ms: int
    link_mbps: int | None = None
    over_budget: str = "warn"


@dataclass(frozen=True)
class ServerNeeds:
    """Everything the checks ask of a host.

    :ivar source: name of the server's host
    :ivar cpu: None: unknown, see ``cpu_unknown``
    :ivar vgpus: empty: it has none; None: unknown, see ``vgpus_unknown``
    :ivar stun: None: no vGPU, or not predicted
    :ivar memory_mib: None: unknown
    """

    server: str
    source: str
    cpu: CpuNeeds | None
    vgpus: tuple[VgpuNeeds, ...] | None
    cpu_unknown: str = ""
    vgpus_unknown: str = ""
    stun: StunNeeds | None = None
    memory_mib: int | None = None
