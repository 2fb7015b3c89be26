"""Whether a switchover is under way, which nobody breaks off.

QEMU has stopped the guest, and what is left is on its way: an abort, a pause
or a switch to post-copy would throw away what is all but done. So what a
policy decides of these, by its deadline as well, waits for as long as
anything is sent. Nothing sent for 60 s is no switchover any more: the link may
be gone, and the guest must not stand still for ever.

Whether the guest stands still unknown: it is taken to run. A guest that was
paused so that its migration ends is another matter (``policies.deadline``),
and so is an operator's own request.

Example: timeout_s is over 200 ms after the stop, on_timeout is abort: it
completes, another 200 ms later.
"""

from nova_livemig_gpu.model import ActionKind, Decision
from nova_livemig_gpu.policies.progress import Progress

_SILENT_S = 60.0
_BREAKS_OFF = (
    ActionKind.ABORT,
    ActionKind.FORCE_COMPLETE,
    ActionKind.START_POSTCOPY,
)


class Switchover:
    """Of one migration."""

    def __init__(self) -> None:
        self._sent: tuple[int, int] | None = None
        self._sent_s = 0.0

    def look(self, progress: Progress) -> None:
        """Note what was sent; with every sample of a running job."""
        sample = progress.sample
        if sample is None or not sample.stopped or progress.forced:
            self._sent = None
            return
        sent = (sample.processed_bytes or 0, sample.vfio_bytes or 0)
        if sent != self._sent:
            self._sent, self._sent_s = sent, progress.elapsed_s

    def forbids(self, decision: Decision, progress: Progress) -> bool:
        """Whether a decision would break off what is under way."""
        if self._sent is None or decision.action.kind not in _BREAKS_OFF:
            return False
        return progress.elapsed_s - self._sent_s < _SILENT_S
