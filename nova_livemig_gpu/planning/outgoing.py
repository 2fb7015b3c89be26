"""The memory of a simulated migration: what is left, what was sent.

Zero pages lie evenly in what is left; of each its header is all that is sent.

Example: 256 MiB left, half of it zero: 64 MiB of pages are 32 MiB and headers
of 128 KiB on the wire.
"""

from nova_livemig_gpu.planning.host import HEADER_BYTES, PAGE_BYTES
from nova_livemig_gpu.planning.rates import WIRE


class Outgoing:
    """All attributes are there to be read.

    :ivar left_bytes: of pages, R
    :ivar sent_bytes: on the wire
    :ivar normal_bytes: pages sent that were not zero
    :ivar zero_bytes: pages sent that were
    """

    def __init__(self, total_bytes: int, nonzero_bytes: int) -> None:
        self.left_bytes = float(total_bytes)
        self._left_zero_bytes = float(total_bytes - nonzero_bytes)
        self.sent_bytes = self.normal_bytes = self.zero_bytes = 0.0

    def send(self, pages_bytes: float) -> None:
        """Send pages of a pass."""
        pages = min(pages_bytes, self.left_bytes)
        zero = pages * self._zero_share
        self.left_bytes -= pages
        self._left_zero_bytes -= zero
        self.zero_bytes += zero
        self.normal_bytes += pages - zero
        headers = zero / PAGE_BYTES * HEADER_BYTES
        self.sent_bytes += (pages - zero) * WIRE + headers

    def send_last(self, pages_bytes: float, wire_bytes: float) -> None:
        """Send pages while the guest stands still or has moved."""
        pages = min(pages_bytes, self.left_bytes)
        self.left_bytes -= pages
        self.normal_bytes += pages
        self.sent_bytes += wire_bytes

    @property
    def rest_bytes(self) -> float:
        """What is left, on the wire."""
        return self.left_bytes * (1 - self._zero_share) * WIRE

    @property
    def _zero_share(self) -> float:
        """Of what is left."""
        if not self.left_bytes:
            return 0.0
        return self._left_zero_bytes / self.left_bytes
