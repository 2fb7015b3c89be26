"""What is kept of one migration."""

from dataclasses import dataclass

from nova_livemig_gpu.model import Outcome, Prediction
from nova_livemig_gpu.prediction.merge import Observed
from nova_livemig_gpu.prediction.stun import StunSeen


@dataclass(frozen=True)
class Settings:
    """What speeds a migration up or down.

    :ivar mode: "precopy", "postcopy" or "hybrid", as it ended
    :ivar limit_ms: QEMU's downtime limit at the end
    :ivar compression: "zlib", "zstd", "xbzrle"; None: none
    :ivar channels: of multifd; None: one stream
    """

    mode: str = "precopy"
    limit_ms: float | None = None
    compression: str | None = None
    channels: int | None = None
    tls: bool = False


#: One stream, uncompressed, without TLS.
PLAIN = Settings()


@dataclass(frozen=True)
class Entry:
    """One migration in the history.

    :ivar migration: its UUID; an entry with the same one replaces it
    :ivar ended_at: UNIX time, seconds
    :ivar memory_bytes: all memory of the server
    :ivar bandwidth_bps: bytes per second that memory was sent at, mean of
        the time it was
    :ivar concurrent: other migrations on this host at its start
    :ivar overhead_ms: pause that neither memory nor devices explain
    :ivar queue_bytes: in the source's socket when the guest stopped
    :ivar curve: points that its passes showed, and those measured before;
        ages are those at ``ended_at``
    :ivar prediction: as it was given before the start
    :ivar vfio: the server had a VFIO device
    :ivar versions: of "nova_livemig_gpu", "qemu", "libvirt", "nova"
    :ivar normal_bytes: memory that was not zero at its start, at most
    :ivar resident_bytes: QEMU's resident memory then
    """

    migration: str
    server: str
    source: str
    destination: str
    ended_at: float
    outcome: Outcome
    settings: Settings = PLAIN
    memory_bytes: int | None = None
    bandwidth_bps: float | None = None
    concurrent: int | None = None
    overhead_ms: float | None = None
    queue_bytes: float | None = None
    curve: tuple[Observed, ...] = ()
    prediction: Prediction | None = None
    stuns: tuple[StunSeen, ...] = ()
    vfio: bool = False
    versions: tuple[tuple[str, str], ...] = ()
    normal_bytes: float | None = None
    resident_bytes: float | None = None
