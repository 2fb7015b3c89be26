"""Stand-ins for ``nova.virt.libvirt.guest.Guest`` with one thing changed."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import libvirt
from nova.virt.libvirt import guest as libvirt_guest
from oslo_log import log as logging

from nova_livemig_gpu.fallback import attempt
from nova_livemig_gpu.migration.departure import Departure
from nova_livemig_gpu.model import JobState, StartPlan
from nova_livemig_gpu.virt import channels, errors
from nova_livemig_gpu.virt.stats import job_type
from nova_livemig_gpu.virt.waiting import AbortedWaiting

LOG = logging.getLogger(__name__)

PARALLEL = "parallel.connections"


class _Proxy:
    def __init__(self, guest: Any) -> None:
        self._guest = guest

    def __getattr__(self, name: str) -> Any:
        return getattr(self._guest, name)


class DepartingGuest(_Proxy):
    """Does not start a migration that was given up meanwhile."""

    def __init__(self, guest: Any, departure: Departure) -> None:
        super().__init__(guest)
        self._departure = departure

    def migrate(self, destination: str, **kwargs: Any) -> None:
        """As ``Guest.migrate``.

        :raises AbortedWaiting: it was given up
        """
        if not self._departure.go():
            raise AbortedWaiting(str(self._departure.reason))
        self._guest.migrate(destination, **kwargs)


class AttendedGuest(_Proxy):
    """For Nova's monitor: does what was asked for before there was a job.

    Nova's ``_live_migration_monitor`` looks twice a second, by
    ``get_job_info``, and carries out what has been queued for the job after
    each look at one that runs.
    """

    def __init__(
        self, guest: Any, departure: Departure, force: Callable[[], None]
    ) -> None:
        """:param force: queues a force-complete"""
        super().__init__(guest)
        self._departure = departure
        self._force = force

    def get_job_info(self) -> Any:
        """As ``Guest.get_job_info``; of one that was given up before there
        was a job: that it was cancelled."""
        if self._departure.reason is not None:
            return libvirt_guest.JobInfo(type=job_type(JobState.CANCELLED))
        info = self._guest.get_job_info()
        if info.type == libvirt.VIR_DOMAIN_JOB_UNBOUNDED:
            attempt(self._attend, info)
        return info

    def _attend(self, info: Any) -> None:
        if self._departure.take_abort():
            try:
                self._guest.abort_job()
            except libvirt.libvirtError as exc:
                LOG.warning("The abort that was kept fails: %s", exc)
        moves = info.memory_processed or info.disk_processed
        if moves and self._departure.take_force():
            self._force()


class PlannedGuest(_Proxy):
    """Starts its migration with the flags and parameters of a plan.

    ``LibvirtDriver._live_migration_operation`` calls ``guest.migrate`` with
    keyword arguments. ``Guest.migrate`` in nova/virt/libvirt/guest.py takes
    some of libvirt's parameters only; the others are added where it calls
    ``self._domain.migrateToURI3``. Where libvirt or QEMU does not know them
    the migration starts without, and where they refuse post-copy it starts
    without that. Nothing has begun then; what has begun is never started
    again.
    """

    def __init__(
        self,
        guest: Any,
        plan: StartPlan,
        on_plain: Callable[[str], None] = lambda reason: None,
        without_postcopy: Callable[[str], StartPlan] | None = None,
    ) -> None:
        """:param on_plain: told why the extra parameters were left out

        :param without_postcopy: told why there can be no post-copy; returns
            the plan without; None: there is none
        """
        super().__init__(guest)
        self._plan = plan
        self._on_plain = on_plain
        self._without_postcopy = without_postcopy

    def migrate(self, destination: str, **kwargs: Any) -> None:
        """As ``Guest.migrate``, with what the plan replaces."""
        try:
            self._start(destination, self._plan, kwargs)
        except Exception as exc:
            if self._without_postcopy is None or not self._plan.postcopy:
                raise
            if not errors.postcopy_refused(exc) or self._has_begun():
                raise
            plan = attempt(
                self._without_postcopy,
                str(exc),
                otherwise=replace(self._plan, postcopy=False),
            )
            self._start(destination, plan, kwargs)

    def _start(
        self, destination: str, plan: StartPlan, kwargs: Mapping[str, Any]
    ) -> None:
        plain, extra = attempt(
            _arguments, plan, kwargs, otherwise=(kwargs, {})
        )
        if not extra:
            self._guest.migrate(destination, **plain)
            return
        whole = dict(plain)
        if PARALLEL in extra:
            whole["flags"] |= libvirt.VIR_MIGRATE_PARALLEL
        domain = _ParameterDomain(self._guest._domain, extra)
        try:
            type(self._guest)(domain).migrate(destination, **whole)
        except Exception as exc:
            if errors.postcopy_refused(exc) or not errors.unsupported(exc):
                raise
            self._on_plain(str(exc))
            self._guest.migrate(destination, **plain)

    def _has_begun(self) -> bool:
        """Whether anything is left of a start; what cannot be told, is."""
        try:
            state = self._guest._domain.state()
            job = self._guest._domain.jobStats()
        except Exception:
            return True
        return (
            errors.left_by_migration(state)
            or job.get("type") != libvirt.VIR_DOMAIN_JOB_NONE
        )


def _arguments(
    plan: StartPlan, kwargs: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arguments of ``Guest.migrate``, and the parameters
    besides."""
    plain = {
        **kwargs,
        "bandwidth": plan.bandwidth_mib_s,
        "flags": edit_flags(kwargs.get("flags", 0), plan),
    }
    return plain, parameters(plan)


class _ParameterDomain:
    """A domain whose migration gets further parameters."""

    def __init__(self, domain: Any, extra: Mapping[str, Any]) -> None:
        self._domain = domain
        self._extra = extra

    def __getattr__(self, name: str) -> Any:
        return getattr(self._domain, name)

    def migrateToURI3(
        self, uri: str, params: Mapping[str, Any], flags: int
    ) -> Any:
        """As virDomain's; ``params`` get ours."""
        return self._domain.migrateToURI3(
            uri, params={**params, **self._extra}, flags=flags
        )


def parameters(plan: StartPlan) -> dict[str, Any]:
    """Return libvirt's parameters that ``Guest.migrate`` does not take."""
    extra: dict[str, Any] = {}
    if plan.channels is not None and plan.channels > 1:
        extra[PARALLEL] = plan.channels
    name = channels.parameter()
    if plan.switchover_mib_s is not None and name is not None:
        extra[name] = plan.switchover_mib_s
    if plan.auto_converge and plan.throttle is not None:
        extra[libvirt.VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL] = (
            plan.throttle.initial
        )
        extra[libvirt.VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT] = (
            plan.throttle.increment
        )
    if plan.postcopy and plan.postcopy_mib_s is not None:
        extra[libvirt.VIR_MIGRATE_PARAM_BANDWIDTH_POSTCOPY] = (
            plan.postcopy_mib_s
        )
    return extra


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
