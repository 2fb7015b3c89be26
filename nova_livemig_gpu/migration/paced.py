"""Sets the rate that ``migration.pace`` decides; a fault of it stops nobody.

What libvirt refuses is asked again after 5 s, three times in all. After that,
and after any fault of the pace itself, the rate is set to what it was at the
start, again every 5 s for as long as libvirt refuses that, and the migration
goes on without a pace; to those who share its link it is one that nothing is
known of.
"""

from dataclasses import replace

from oslo_log import log as logging

from nova_livemig_gpu.migration.job import Job, JobRefused
from nova_livemig_gpu.migration.pace import Pace
from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.model import Decision
from nova_livemig_gpu.policies.progress import Progress

LOG = logging.getLogger(__name__)

_HOLD_S = 5.0
_MOST_REFUSALS = 3


class Paced:
    """The rate of one job. Never raises."""

    def __init__(
        self, job: Job, pace: Pace | None, record: Record, server: str
    ) -> None:
        """:param server: UUID, for the log"""
        self._job = job
        self._pace = pace
        self._record = record
        self._server = server
        self._refusals = 0
        self._hold_until_s = 0.0
        self._let_go = False

    def look(self, progress: Progress) -> Progress:
        """Set the rate, if it is to be another; return what came of it."""
        if progress.elapsed_s < self._hold_until_s:
            return progress
        if self._pace is None:
            return self._released(progress) if self._let_go else progress
        try:
            progress, decision = self._pace.look(progress)
            if decision is None:
                return progress
            return self._set(decision, progress)
        except Exception:
            LOG.exception(
                "The bandwidth of this live migration is not looked after "
                "any more; it is what it was at its start",
                instance_uuid=self._server,
            )
            return self._without(progress)

    def _set(self, decision: Decision, progress: Progress) -> Progress:
        mib_s = decision.action.value
        assert mib_s is not None
        try:
            self._job.set_bandwidth(mib_s)
        except JobRefused as exc:
            return self._refused(decision, progress, str(exc))
        LOG.info(
            "Live migration after %.1f s: %s (%s): %s",
            progress.elapsed_s,
            f"{mib_s} MiB/s at most" if mib_s else "no limit of its rate",
            decision.code,
            decision.reason,
            instance_uuid=self._server,
        )
        self._record.decided(progress.elapsed_s, decision)
        return replace(progress, bandwidth_mib_s=mib_s)

    def _refused(
        self, decision: Decision, progress: Progress, why: str
    ) -> Progress:
        LOG.warning("%s", why, instance_uuid=self._server)
        self._record.decided(progress.elapsed_s, decision, why)
        self._refusals += 1
        self._hold_until_s = progress.elapsed_s + _HOLD_S
        if self._refusals < _MOST_REFUSALS:
            return progress
        return self._without(progress)

    def _without(self, progress: Progress) -> Progress:
        if self._pace is not None:
            self._pace.give_up()
        self._pace, self._let_go = None, True
        return self._released(replace(progress, ahead_bps=None))

    def _released(self, progress: Progress) -> Progress:
        """Lift the limit that is in force, if any."""
        if progress.bandwidth_mib_s:
            try:
                self._job.set_bandwidth(0)
            except JobRefused as exc:
                LOG.warning("%s", exc, instance_uuid=self._server)
                self._hold_until_s = progress.elapsed_s + _HOLD_S
                return progress
            # Not None: what it was limited to is not the link's.
            progress = replace(progress, bandwidth_mib_s=0)
        self._let_go = False
        return progress
