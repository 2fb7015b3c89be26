"""What the loop stands on: a job, a clock, and who is told."""

import abc
import time

from nova_livemig_gpu.exception import LiveMigrationError
from nova_livemig_gpu.model import Decision, Sample
from nova_livemig_gpu.policies.progress import Progress


class JobRefused(LiveMigrationError):
    """libvirt or QEMU did not do what it was asked for."""

    code = "livemig_gpu.job.refused"
    msg_fmt = "%(what)s was refused: %(reason)s"


class Clock:
    """Monotonic time. Tests give a fake one."""

    def now(self) -> float:
        """Seconds from some fixed moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; cooperative where Nova runs with eventlet."""
        time.sleep(seconds)


class Job(abc.ABC):
    """A running migration, as the loop needs it."""

    @abc.abstractmethod
    def sample(self, t_s: float) -> Sample:
        """Look at the job. ``state`` is final when the job has ended."""

    @abc.abstractmethod
    def set_max_downtime(self, limit_ms: int) -> None:
        """:raises JobRefused:"""

    @abc.abstractmethod
    def set_bandwidth(self, mib_s: int) -> None:
        """Limit what is sent before a switch to post-copy.

        :param mib_s: MiB/s; 0: as it was at the start
        :raises JobRefused:
        """

    @abc.abstractmethod
    def start_postcopy(self) -> None:
        """:raises JobRefused:"""

    @abc.abstractmethod
    def force_complete(self) -> None:
        """Queue what the API's force-complete does."""

    @abc.abstractmethod
    def abort(self) -> None:
        """:raises JobRefused:"""

    @abc.abstractmethod
    def attend(self, progress: Progress) -> Progress:
        """Do what the operator asked for meanwhile and save Nova's
        progress; called with every sample of a running job."""


class Watcher:
    """Is told what the loop sees. Must not raise nor take long."""

    def pass_ended(self, progress: Progress) -> None:
        """One or several passes have finished since the last look."""

    def switchover_ahead(self, decision: Decision) -> None:
        """QEMU will be let to stop the guest: called before it is."""

    def warned(self, decision: Decision) -> None:
        """The operator is to know something, see ``ActionKind.WARN``."""

    def switched_over(self) -> None:
        """The guest runs at the destination."""
