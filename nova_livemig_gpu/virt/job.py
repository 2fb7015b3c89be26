"""The running migration of a Nova instance, for the loop."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import libvirt
from nova.virt.libvirt import migration as libvirt_migrate
from oslo_log import log as logging

from nova_livemig_gpu.migration.departure import Departure
from nova_livemig_gpu.migration.loop import Job, JobRefused
from nova_livemig_gpu.model import JobState, Sample, StartPlan
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.virt import errors
from nova_livemig_gpu.virt.stats import job_type, to_sample

LOG = logging.getLogger(__name__)

#: libvirt's most, which is what a domain has where nobody has set any
#: (``QEMU_DOMAIN_MIG_BANDWIDTH_MAX`` in src/qemu/qemu_domain.h).
NO_LIMIT_MIB_S = (2**63 - 1) // 2**20

_POSTCOPY = "running (post-copy)"
_INFO_EVERY_S = 30.0
#: How long an ended job waits for its operation thread, which knows why.
_GRACE_S = 10.0


class NovaJob(Job):
    """See :class:`nova_livemig_gpu.migration.loop.Job`.

    Stands where ``LibvirtDriver._live_migration_monitor`` stands in Nova
    and does with each look what that does: run queued tasks, save progress.
    """

    def __init__(
        self,
        driver: Any,
        guest: Any,
        instance: Any,
        migration: Any,
        plan: StartPlan,
        finished: Callable[[], bool],
        on_failure: deque[str],
        save_every_s: float,
        plain: Callable[[], bool] = lambda: False,
        no_postcopy: Callable[[], bool] = lambda: False,
        departure: Departure | None = None,
    ) -> None:
        """:param finished: whether the operation thread has ended

        :param on_failure: receives what is to be undone if it fails
        :param plain: whether QEMU was not told what the plan tells it
        :param no_postcopy: whether the job runs without the plan's post-copy
        :param departure: what was asked for before there was a job
        """
        self._plain = plain
        self._no_postcopy = no_postcopy
        self._departure = departure or Departure()
        self._driver = driver
        self._guest = guest
        self._instance = instance
        self._migration = migration
        self._plan = plan
        self._finished = finished
        self._save_every_s = save_every_s
        self._saved_s: float | None = None
        self._info_s = 0.0
        self._ended_s: float | None = None
        self._speed_mib_s: int | None = None
        self.aborted = False
        self.on_failure = on_failure

    def sample(self, t_s: float) -> Sample:
        sample = to_sample(self._stats(), t_s)
        if sample.state is JobState.RUNNING:
            return replace(sample, stopped=self._stopped())
        if self._finished():
            if sample.state is JobState.NONE:
                return replace(sample, state=self._untangle())
            return sample
        if sample.state is JobState.NONE:
            return sample
        self._ended_s = t_s if self._ended_s is None else self._ended_s
        if t_s - self._ended_s > _GRACE_S:
            return sample
        return replace(sample, state=JobState.NONE)

    def _stats(self) -> Mapping[str, Any]:
        try:
            stats: Mapping[str, Any] = self._guest._domain.jobStats()
            return stats
        except Exception as exc:
            # As Guest.get_job_info: the domain has gone, or the job is
            # between two states. The operation thread tells which.
            if errors.domain_gone(exc) or errors.job_in_between(exc):
                return {"type": libvirt.VIR_DOMAIN_JOB_NONE}
            raise

    def _stopped(self) -> bool | None:
        """In its switchover, as ``qemuProcessHandleStop`` notes in libvirt's
        src/qemu/qemu_process.c, or suspended since the migration began."""
        try:
            state: Sequence[int] = self._guest._domain.state()
        except Exception as exc:
            LOG.debug("Its state is unknown: %s", exc, instance=self._instance)
            return None
        if state[0] != libvirt.VIR_DOMAIN_PAUSED:
            return False
        # Whoever was paused before has its reason from then.
        return state[1] == libvirt.VIR_DOMAIN_PAUSED_MIGRATION or None

    def _untangle(self) -> JobState:
        found = libvirt_migrate.find_job_type(self._guest, self._instance)
        if found == job_type(JobState.COMPLETED):
            return JobState.COMPLETED
        return JobState.FAILED

    def set_max_downtime(self, limit_ms: int) -> None:
        self._ask(
            f"downtime limit {limit_ms} ms",
            self._guest.migrate_configure_max_downtime,
            limit_ms,
        )

    def set_bandwidth(self, mib_s: int) -> None:
        self._ask(f"bandwidth limit {mib_s} MiB/s", self._set_speed, mib_s)

    def _set_speed(self, mib_s: int) -> None:
        # Nova's Guest has no such methods.
        domain = self._guest._domain
        if self._speed_mib_s is None:
            self._speed_mib_s = domain.migrateGetMaxSpeed()
        most = self._plan.bandwidth_mib_s or self._speed_mib_s
        domain.migrateSetMaxSpeed(mib_s or most)

    def release_speed(self) -> None:
        """Let the job run on as it was started. Never raises."""
        self._undo_speed(self._plan.bandwidth_mib_s)

    def leave_speed(self) -> None:
        """Undo what ``set_bandwidth`` did, the job having ended: libvirt
        keeps a domain's limit for its next migration. Never raises."""
        self._undo_speed(0)

    def _undo_speed(self, mib_s: int) -> None:
        if self._speed_mib_s is None:
            return
        try:
            self._guest._domain.migrateSetMaxSpeed(mib_s or self._speed_mib_s)
        except Exception as exc:
            if not errors.domain_gone(exc):
                LOG.warning(
                    "The bandwidth limit of this live migration stays, for "
                    "the next one of this server, too: %s",
                    exc,
                    instance=self._instance,
                )

    def start_postcopy(self) -> None:
        libvirt_migrate.trigger_postcopy_switch(
            self._guest, self._instance, self._migration
        )
        if self._migration.status != _POSTCOPY:
            raise JobRefused(what="post-copy", reason="see the warning above")

    def force_complete(self) -> None:
        # One that is kept from before is the same.
        self._departure.take_force()
        self._ask(
            "force-complete",
            self._driver.live_migration_force_complete,
            self._instance,
        )

    def abort(self) -> None:
        self._ask("abort", self._guest.abort_job)
        self.aborted = True

    def _ask(self, what: str, call: Callable[..., Any], *args: Any) -> None:
        try:
            call(*args)
        except Exception as exc:
            raise JobRefused(what=what, reason=str(exc)) from exc

    def attend(self, progress: Progress) -> Progress:
        if self._no_postcopy():
            progress = replace(progress, postcopy_failed=True)
        self._do_kept(progress)
        libvirt_migrate.run_tasks(
            self._guest,
            self._instance,
            self._driver.active_migrations,
            self.on_failure,
            self._migration,
            self._plan.postcopy and not progress.postcopy_failed,
        )
        self._save(progress)
        return replace(
            progress,
            switchover_bps=None if self._plain() else progress.switchover_bps,
            postcopy=self._migration.status == _POSTCOPY,
            forced=progress.forced or bool(self.on_failure),
        )

    def _do_kept(self, progress: Progress) -> None:
        """Do what was asked for before there was a job.

        A server that is paused while libvirt still sets the job up would
        stay paused at the destination (``qemuMigrationSrcPerformPeer2Peer3``
        adds VIR_MIGRATE_PAUSED), and QEMU refuses post-copy then: a
        force-complete waits until something is sent, where that is told.
        """
        if self._departure.take_abort():
            try:
                self.abort()
            except JobRefused as exc:
                LOG.warning("%s", exc, instance=self._instance)
        if self._sends(progress) and self._departure.take_force():
            self._driver.live_migration_force_complete(self._instance)

    def _sends(self, progress: Progress) -> bool:
        """Whether what a force-complete would do can be done."""
        sample = progress.sample
        if sample is None:
            return False
        if sample.processed_bytes is None or sample.processed_bytes > 0:
            return True
        postcopy = self._plan.postcopy and not progress.postcopy_failed
        return bool(sample.disk_total_bytes) and not postcopy

    def _save(self, progress: Progress) -> None:
        now_s = progress.elapsed_s
        due = self._saved_s is None or (
            now_s - self._saved_s >= self._save_every_s
        )
        if not due:
            return
        self._saved_s = now_s
        info = self._guest.get_job_info()
        if info.type != libvirt.VIR_DOMAIN_JOB_UNBOUNDED:
            # It has ended since the last look: nothing but zeros in it.
            return
        remaining = 100
        if info.memory_total:
            remaining = round(info.memory_remaining * 100 / info.memory_total)
        libvirt_migrate.save_stats(
            self._instance, self._migration, info, remaining
        )
        log = LOG.debug
        if now_s - self._info_s >= _INFO_EVERY_S:
            self._info_s = now_s
            log = LOG.info
        log(
            "Migration running for %d secs, memory %d%% remaining, pass %s",
            now_s,
            remaining,
            progress.pass_count + 1,
            instance=self._instance,
        )
