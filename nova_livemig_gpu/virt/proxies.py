"""Stand-ins for ``nova.virt.libvirt.guest.Guest`` with one thing changed."""

from collections import deque
from typing import Any

import libvirt
from nova.virt.libvirt import guest as libvirt_guest

from nova_livemig_gpu.model import JobState, StartPlan
from nova_livemig_gpu.virt.stats import job_type


class _Proxy:
    def __init__(self, guest: Any) -> None:
        self._guest = guest

    def __getattr__(self, name: str) -> Any:
        return getattr(self._guest, name)


class PlannedGuest(_Proxy):
    """Starts its migration with the flags and parameters of a plan.

    ``LibvirtDriver._live_migration_operation`` calls ``guest.migrate`` with
    keyword arguments; ``Guest.migrate`` in nova/virt/libvirt/guest.py.
    """

    def __init__(self, guest: Any, plan: StartPlan) -> None:
        super().__init__(guest)
        self._plan = plan

    def migrate(self, destination: str, **kwargs: Any) -> None:
        """As ``Guest.migrate``; ``flags`` and ``bandwidth`` are replaced."""
        kwargs["flags"] = edit_flags(kwargs.get("flags", 0), self._plan)
        kwargs["bandwidth"] = self._plan.bandwidth_mib_s
        self._guest.migrate(destination, **kwargs)


class ConcludedGuest(_Proxy):
    """Reports a job that has ended, so that Nova's monitor concludes it."""

    def __init__(self, guest: Any, state: JobState) -> None:
        super().__init__(guest)
        self._state = state

    def get_job_info(self) -> Any:
        """Return the final job type and nothing else."""
        return libvirt_guest.JobInfo(type=job_type(self._state))


class FallenBackGuest(_Proxy):
    """For Nova's monitor after a fault of ours.

    That takes post-copy for possible where nova.conf permits it. Where the
    job was started without, a force-complete pauses, as Nova does where it
    is not permitted.
    """

    def __init__(
        self, guest: Any, plan: StartPlan, on_failure: deque[str]
    ) -> None:
        """:param on_failure: receives what is to be undone if it fails"""
        super().__init__(guest)
        self._plan = plan
        self._on_failure = on_failure

    def migrate_start_postcopy(self) -> None:
        """Start post-copy, or pause.

        :raises libvirtError: after a pause, so that Nova does not take the
            job for one in post-copy
        """
        if self._plan.postcopy:
            self._guest.migrate_start_postcopy()
            return
        if not self._on_failure:
            self._guest.pause()
            self._on_failure.append("unpause")
        raise libvirt.libvirtError(
            "this job was started without post-copy; the server is paused "
            "instead"
        )


def edit_flags(flags: int, plan: StartPlan) -> int:
    """Set post-copy and auto-converge as planned, leave all other flags."""
    for flag, wanted in (
        (libvirt.VIR_MIGRATE_POSTCOPY, plan.postcopy),
        (libvirt.VIR_MIGRATE_AUTO_CONVERGE, plan.auto_converge),
    ):
        flags = flags | flag if wanted else flags & ~flag
    return flags
