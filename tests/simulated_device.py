"""A migration of a server with a VFIO device, in simulated time.

QEMU's loop as ``policies.device`` states it: memory first, then the device's
pre-copy state; when what is estimated fits into S * limit, memory is
synchronised and the device asked for its stop-copy, and the guest is stopped
if all of it fits. S is what the link was said to carry, else what was sent
in the last 100 ms.
"""

from collections import deque
from dataclasses import dataclass, field, replace

from nova_livemig_gpu.model import JobState, Sample
from tests.simulated import SimulatedJob

_STEP_S = 0.01
_RATE_STEPS = 10


@dataclass
class SimulatedDeviceJob(SimulatedJob):
    """See the module. Sizes in MiB, rates in MiB/s.

    :ivar framebuffer: what the device has, all of it
    :ivar device_rate: dirtied in it while the guest runs
    :ivar precopy: it is sent while the guest runs
    :ivar fixed: stop-copy that is always there
    :ivar told: bandwidth that QEMU was told of; None: none
    :ivar device_link: what the device itself can be read at
    :ivar shows_bytes: libvirt tells ``vfio_data_transferred``
    :ivar lasting: the stop takes its time; else it is over at once
    :ivar shows_stop: it is seen that the guest stands still
    """

    framebuffer: float = 64
    device_rate: float = 0
    precopy: bool = True
    fixed: float = 1
    told: float | None = 119
    device_link: float = 1000
    shows_bytes: bool = True
    lasting: bool = False
    shows_stop: bool = True

    device_left: float = 0
    device_sent: float = 0
    stopped_with: tuple[float, float] = (0, 0)
    _sent_lately: deque[float] = field(
        default_factory=lambda: deque(maxlen=_RATE_STEPS)
    )
    _initial_left: float = 0
    _stop_s: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.device_left = self.framebuffer if self.precopy else 0
        self._initial_left = self.device_left

    def _threshold(self) -> float:
        rate = self.told
        if rate is None:
            rate = sum(self._sent_lately) / (_STEP_S * _RATE_STEPS)
        return rate * self.limit_ms / 1e3

    def _stop_copy(self) -> float:
        return self.fixed + (0 if self.precopy else self.framebuffer)

    def _advance(self, until: float) -> None:
        while self._t < until and self.state is JobState.RUNNING:
            self._t += _STEP_S
            if self._stop_s is not None:
                begun, end = self._stop_s
                if self._t >= end:
                    self._end((end - begun) * 1e3)
                continue
            if self._t < self.setup_s:
                self.pass_start = self._t
                continue
            self.iteration = max(self.iteration, 1)
            self._send()
            self._dirty_device()
            if self._initial_left <= 0 and (
                self.left + self.device_left <= self._threshold()
            ):
                self._look_again()

    def _send(self) -> None:
        room = self.link * _STEP_S
        memory = min(room, self.left)
        device = min(
            room - memory, self.device_left, self.device_link * _STEP_S
        )
        self.left -= memory
        self.device_left -= device
        self._initial_left -= device
        self.device_sent += device
        self.sent += memory + device
        self._sent_lately.append(memory + device)

    def _dirty_device(self) -> None:
        """What was not sent yet is not dirtied once more."""
        if not self.paused and self.precopy:
            sent = 1 - max(self._initial_left, 0.0) / self.framebuffer
            more = self.device_rate * _STEP_S * sent
            self.device_left = min(self.device_left + more, self.framebuffer)

    def _look_again(self) -> None:
        if not self.paused:
            dirtied = self._dirtied(self.pass_start, self._t)
            most = self.working_set + (self.left if self.iteration == 1 else 0)
            self.left = min(self.left + dirtied, most)
        self.pass_start = self._t
        self.iteration += 1
        device = self.device_left + self._stop_copy()
        if self.left + device > self._threshold():
            return
        self.stopped_with = (self.left, device)
        seconds = self.left / self.link
        seconds += device / min(self.link, self.device_link)
        self.device_sent += device
        self.sent += device
        if self.lasting:
            self._stop_s = self._t, self._t + seconds
        else:
            self._end(seconds * 1e3)

    def sample(self, t_s: float) -> Sample:
        found = super().sample(t_s)
        if self.shows_stop:
            found = replace(found, stopped=self._stop_s is not None)
        if not self.device_sent:
            return found
        if found.normal_pages is not None:
            pages = int((self.sent - self.device_sent) * 2**20 / 4096)
            found = replace(found, normal_pages=max(pages, 0))
        if not self.shows_bytes:
            return found
        return replace(found, vfio_bytes=int(self.device_sent * 2**20))
