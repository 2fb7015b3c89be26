"""How fast a pass goes.

wire    link * efficiency, at most the limit that was set, times chance
page    pages leave the bitmap: wire * 4096 / 4104. The first pass goes over
        all memory, and finding zero pages takes time but no bytes: total
        memory / (non-zero bytes / wire + zero bytes / zero_bps)
seen    what QEMU takes for its bandwidth: bytes on the wire by time

Example: 256 MiB of which 128 are zero, 50 MB/s, zero_bps 2 GiB/s: the first
pass takes 2.75 s, page is 97.5 MB/s and seen 48.9 MB/s.
"""

from dataclasses import dataclass

from nova_livemig_gpu.planning.host import (
    HEADER_BYTES,
    PAGE_BYTES,
    Guest,
    Hosts,
)

#: Bytes on the wire for each byte of a page.
WIRE = (PAGE_BYTES + HEADER_BYTES) / PAGE_BYTES
_MIB = 2**20


@dataclass(frozen=True)
class Rates:
    """Bytes per second, see the module."""

    wire_bps: float = 0.0
    page_bps: float = 0.0
    seen_bps: float = 0.0


def of_pass(
    guest: Guest, hosts: Hosts, first: bool, cap_mib_s: int, chance: float
) -> Rates:
    """Rates of the first pass or of a later one.

    :param cap_mib_s: limit before the stop; 0: none
    :param chance: 1.0 on average
    """
    wire = hosts.link_bps
    if cap_mib_s:
        wire = min(wire, cap_mib_s * _MIB)
    wire *= chance
    if not first:
        return Rates(wire, wire / WIRE, wire)
    copied = guest.nonzero_bytes * WIRE
    zero = guest.total_bytes - guest.nonzero_bytes
    seconds = copied / wire + zero / hosts.zero_bps
    return Rates(wire, guest.total_bytes / seconds, copied / seconds)
