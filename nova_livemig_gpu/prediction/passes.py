"""Pre-copy pass by pass, from the first one: stub of the contract."""

from nova_livemig_gpu.model import DirtyCurve, GuestMemory, Prediction
from nova_livemig_gpu.prediction import precopy

#: QEMU's header of a page; all that is sent of a zero page.
HEADER_BYTES = 8


def first_bytes(memory: GuestMemory) -> float:
    """Bytes of the first pass."""
    page = memory.page_size_bytes + HEADER_BYTES
    return memory.normal_pages * page + memory.zero_pages * HEADER_BYTES


def predict(
    memory: GuestMemory,
    curve: DirtyCurve | None,
    bandwidth_bps: float,
    limit_ms: float,
) -> Prediction:
    """Predict a pre-copy migration from its start."""
    known = curve or DirtyCurve((), max(memory.normal_bytes, 1.0))
    return precopy.predict(known, first_bytes(memory), bandwidth_bps, limit_ms)
