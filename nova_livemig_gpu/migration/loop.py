"""The loop that steers one migration. The only place with a clock.

Every ``poll_interval_ms`` the job is looked at; the sample advances the
:class:`~nova_livemig_gpu.policies.progress.Progress`; the policy decides;
the job is told. When the pass is expected to end sooner than the next look,
the loop looks then, at most every 50 ms, so that what a policy decides at
the end of a pass happens within a fraction of a second. A policy with times
of its own (``Policy.next_look_s``) is asked at those as well.

The loop ends when the job has. Whatever goes wrong in here is raised: the
driver hands the migration to Nova's own monitor then.
"""

from dataclasses import replace

from oslo_log import log as logging

from nova_livemig_gpu.migration.job import Clock, Job, JobRefused, Watcher
from nova_livemig_gpu.migration.pace import Pace
from nova_livemig_gpu.migration.paced import Paced
from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.migration.switchover import Switchover
from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Decision,
    JobState,
    StartPlan,
)
from nova_livemig_gpu.policies.base import Policy
from nova_livemig_gpu.policies.progress import Progress

__all__ = ["Clock", "Job", "JobRefused", "SteeringLoop", "Watcher"]

LOG = logging.getLogger(__name__)

_LEAST_WAIT_S = 0.05
#: Between two looks while QEMU is about to end a pass, or does not.
_ENDING_WAIT_S = 0.1
#: After libvirt has refused something.
_HOLD_S = 5.0
#: More, and Nova's own monitor is asked to do better.
_MOST_REFUSALS = 20
_ENDED = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)


#: Limits with which QEMU is not meant to stop the guest yet.
_NO_SWITCHOVER = (
    *("first_limit", "measured", "throttled", "shared", "held"),
    "memory_grew",
)


class SteeringLoop:
    """Runs one migration to its end."""

    def __init__(
        self,
        job: Job,
        policy: Policy,
        plan: StartPlan,
        record: Record,
        clock: Clock,
        poll_s: float,
        server: str,
        watcher: Watcher | None = None,
        pace: Pace | None = None,
    ) -> None:
        """:param policy: can be replaced by one of the same kind, from
            another thread, as long as the job has not started
        :param server: UUID, for the log
        :param pace: None: the rate is what it is
        """
        self._watcher = watcher or Watcher()
        self._server = server
        self._job = job
        self.policy = policy
        self._plan = plan
        self._record = record
        self._clock = clock
        self._poll_s = poll_s
        self._start_s = 0.0
        self._paced = Paced(job, pace, record, server)
        self._switchover = Switchover()

    def run(self) -> Progress:
        """Steer until the job has ended.

        :returns: the last progress; its sample's state is final
        """
        self._start_s = self._clock.now()
        mib_s = self._plan.switchover_mib_s
        progress = Progress(switchover_bps=mib_s and mib_s * float(2**20))
        while True:
            sample = self._job.sample(self._elapsed_s())
            before, progress = progress, progress.advance(sample)
            if sample.state in _ENDED:
                if sample.state is JobState.COMPLETED:
                    self._watcher.switched_over()
                return progress
            if progress.pass_count > before.pass_count:
                self._watcher.pass_ended(progress)
            if sample.state is JobState.RUNNING:
                self._record.sample(sample)
                progress = self._steer(progress)
            self._clock.sleep(
                min(self._wait_s(progress), self._policy_wait_s(progress))
            )

    def _elapsed_s(self) -> float:
        return self._clock.now() - self._start_s

    def _steer(self, progress: Progress) -> Progress:
        memory = self.policy.remember(progress)
        if memory is not progress.memory:
            progress = replace(progress, memory=memory)
        held = progress.elapsed_s < progress.hold_until_s
        if progress.limit_ms is None and not held:
            progress = self._first_limit(progress)
        progress = self._paced.look(self._job.attend(progress))
        if held:
            return progress
        self._switchover.look(progress)
        decision = self.policy.decide(progress)
        if decision is None or self._switchover.forbids(decision, progress):
            return progress
        return self._act(decision, progress)

    def _first_limit(self, progress: Progress) -> Progress:
        if self._plan.max_downtime_ms is None:
            return progress
        return self._act(
            Decision(
                Action(ActionKind.SET_DOWNTIME, self._plan.max_downtime_ms),
                code="first_limit",
                reason="limit from the start",
            ),
            progress,
        )

    def _act(self, decision: Decision, progress: Progress) -> Progress:
        if decision.action.kind is ActionKind.WARN:
            return self._warn(decision, progress)
        kind, value = decision.action.kind, decision.action.value
        LOG.info(
            "Live migration after %.1f s: %s%s (%s): %s",
            progress.elapsed_s,
            kind.value,
            "" if value is None else f" {value}",
            decision.code,
            decision.reason,
            instance_uuid=self._server,
        )
        if _switchover(decision):
            self._watcher.switchover_ahead(decision)
        try:
            progress = self._carry_out(decision.action, progress)
        except JobRefused as exc:
            LOG.warning("%s", exc, instance_uuid=self._server)
            self._record.decided(progress.elapsed_s, decision, str(exc))
            if progress.refusals >= _MOST_REFUSALS:
                raise
            return _after_refusal(decision.action, progress)
        self._record.decided(progress.elapsed_s, decision)
        if kind is ActionKind.SET_DOWNTIME:
            progress = replace(progress, limit_code=decision.code)
        return progress

    def _warn(self, decision: Decision, progress: Progress) -> Progress:
        LOG.warning(
            "Live migration after %.1f s (%s): %s",
            progress.elapsed_s,
            decision.code,
            decision.reason,
            instance_uuid=self._server,
        )
        self._record.decided(progress.elapsed_s, decision)
        self._watcher.warned(decision)
        return replace(progress, warnings=(*progress.warnings, decision))

    def _carry_out(self, action: Action, progress: Progress) -> Progress:
        match action.kind:
            case ActionKind.SET_DOWNTIME:
                assert action.value is not None
                self._job.set_max_downtime(action.value)
                # Hooks may have taken their time since the sample.
                return _limited(progress, action.value, self._elapsed_s())
            case ActionKind.SET_BANDWIDTH:
                assert action.value is not None
                self._job.set_bandwidth(action.value)
                return replace(progress, bandwidth_mib_s=action.value)
            case ActionKind.START_POSTCOPY:
                self._job.start_postcopy()
                self._watcher.switched_over()
                return replace(progress, postcopy=True)
            case ActionKind.FORCE_COMPLETE:
                self._job.force_complete()
                after = self._job.attend(progress)
                if not (after.postcopy or after.forced):
                    raise JobRefused(
                        what="force-complete", reason="see the warning above"
                    )
                return after
            case ActionKind.ABORT:
                self._job.abort()
                return replace(progress, aborting=True)
            case ActionKind.WARN:
                return progress

    def _wait_s(self, progress: Progress) -> float:
        """Seconds until the next look."""
        sample = progress.sample
        if sample is None or not progress.flowing or progress.postcopy:
            return self._poll_s
        left_s = progress.until_pass_end_s()
        if left_s is None:
            return self._poll_s
        if left_s <= 0:
            return min(_ENDING_WAIT_S, self._poll_s)
        return min(max(left_s, _LEAST_WAIT_S), self._poll_s)

    def _policy_wait_s(self, progress: Progress) -> float:
        """Seconds until the policy wants to be asked again."""
        next_s = self.policy.next_look_s(progress)
        if next_s is None:
            return self._poll_s
        return max(next_s - progress.elapsed_s, _LEAST_WAIT_S)


def _switchover(decision: Decision) -> bool:
    kind = decision.action.kind
    if kind is ActionKind.SET_DOWNTIME:
        return decision.code not in _NO_SWITCHOVER
    return kind is not ActionKind.ABORT


def _limited(progress: Progress, limit_ms: int, t_s: float) -> Progress:
    return replace(
        progress,
        limit_ms=limit_ms,
        limit_pass=progress.pass_count,
        limit_s=t_s,
    )


def _after_refusal(action: Action, progress: Progress) -> Progress:
    """What was refused is tried again a little later, but for post-copy: a
    job that cannot do it will not learn it, and pausing is tried then."""
    post = action.kind in (
        ActionKind.START_POSTCOPY,
        ActionKind.FORCE_COMPLETE,
    )
    hold_s = 0.0 if action.kind is ActionKind.START_POSTCOPY else _HOLD_S
    return replace(
        progress,
        postcopy_failed=progress.postcopy_failed or post,
        refusals=progress.refusals + 1,
        hold_until_s=progress.elapsed_s + hold_s,
    )
