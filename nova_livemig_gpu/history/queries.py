"""What the history answers: stub of the contract. Nothing here raises."""

from collections.abc import Iterable
from dataclasses import dataclass

from nova_livemig_gpu.history.entry import Settings
from nova_livemig_gpu.history.store import History
from nova_livemig_gpu.prediction.merge import Observed
from nova_livemig_gpu.prediction.stun import StunKey, StunSeen


@dataclass(frozen=True)
class Known:
    """A quantity with its spread.

    :ivar value: the median
    :ivar sigma: standard deviation, robust; None: one value only
    :ivar count: how many migrations say so
    """

    value: float
    sigma: float | None
    count: int


def bandwidth_bps(
    history: History, source: str, destination: str, now: float
) -> Known | None:
    """Bytes per second of a host pair, one plain stream; None: unknown."""
    return None


def effect(history: History, settings: Settings) -> float:
    """By what these settings multiply the bandwidth; 1.0 where unknown."""
    return 1.0


def curve(history: History, server: str, now: float) -> tuple[Observed, ...]:
    """Points of f(t) that past migrations of a server showed, aged."""
    return ()


def stuns(history: History, keys: Iterable[StunKey]) -> tuple[StunSeen, ...]:
    """Stuns seen on the GPUs of these keys."""
    return ()


def overhead_ms(history: History, now: float) -> Known | None:
    """Part of the pause that is neither memory nor devices."""
    return None


def queue_bytes(
    history: History, source: str, destination: str
) -> Known | None:
    """What was in the source's socket when the guest stopped."""
    return None
