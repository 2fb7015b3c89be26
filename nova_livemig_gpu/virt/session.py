"""One live migration of this host, from its start to its report."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from nova.virt.libvirt import migration as libvirt_migrate
from oslo_log import log as logging

from nova_livemig_gpu.migration.departure import Departure
from nova_livemig_gpu.migration.hook_calls import HookCalls
from nova_livemig_gpu.migration.loop import Clock, SteeringLoop, Watcher
from nova_livemig_gpu.migration.pace import Pace
from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.migration.sharers import Lane
from nova_livemig_gpu.model import JobState, Outcome, StartPlan
from nova_livemig_gpu.policies.base import Policy
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.policies.sharing import UNKNOWN
from nova_livemig_gpu.virt import appetite, ending, errors
from nova_livemig_gpu.virt.completed import CompletedStats
from nova_livemig_gpu.virt.foreseen import Foreseen
from nova_livemig_gpu.virt.job import NovaJob
from nova_livemig_gpu.virt.proxies import (
    ConcludedGuest,
    DepartingGuest,
    FallenBackGuest,
    PlannedGuest,
)
from nova_livemig_gpu.virt.stats import to_sample
from nova_livemig_gpu.virt.waiting import AbortedWaiting

LOG = logging.getLogger(__name__)


@dataclass
class Session:
    """State shared by operation thread and monitor of one migration.

    :ivar plan: what is fixed at the start; None: as Nova has it
    :ivar operation_error: what ``migrateToURI3`` ended with
    :ivar aborted: somebody, or our policy, asked for the job to be aborted
    :ivar posted: Nova went on to its post-migration step
    :ivar steered_end: how the job ended, where our loop saw it
    :ivar plain: libvirt took the plan's parameters but for its extra ones
    :ivar no_postcopy: why the job was started without post-copy although it
        was planned with; None: it was not
    :ivar on_failure: what is to be undone when the migration fails
    :ivar foreseen: what was known before the start
    :ivar lane: its place on the link; None: its rate is not looked after
    :ivar left_job: our loop has left it to Nova's monitor
    :ivar departure: what is asked of it before libvirt has a job
    """

    instance: Any
    policy: Policy
    plan: StartPlan | None
    record: Record
    completed: CompletedStats
    poll_s: float
    operation_error: Exception | None = None
    posted: bool = False
    aborted: bool = False
    plain: bool = False
    no_postcopy: str | None = None
    steered_end: Progress | None = None
    on_failure: deque[str] = field(default_factory=deque)
    watcher: Watcher | None = None
    calls: HookCalls | None = None
    destination: str | None = None
    foreseen: Foreseen = field(default_factory=Foreseen)
    lane: Lane | None = None
    left_job: NovaJob | None = None
    departure: Departure = field(default_factory=Departure)
    _loop: SteeringLoop | None = None
    # Operation thread and monitor both replace the policy.
    _changing: threading.Lock = field(default_factory=threading.Lock)

    def planned(self, guest: Any) -> Any:
        """Return the guest that starts its migration as planned, unless it
        was given up."""
        if self.plan is not None:
            guest = PlannedGuest(
                guest, self.plan, self._plain, self._without_postcopy
            )
        return DepartingGuest(guest, self.departure)

    def _plain(self, reason: str) -> None:
        LOG.warning(
            "This live migration starts without what Nova itself does not "
            "ask for: several connections, a bandwidth for its switchover or "
            "for post-copy, steps of auto-converge: %s",
            reason,
            instance=self.instance,
        )
        self.plain = True
        self.record.note(plain_start=reason)

    def _without_postcopy(self, reason: str) -> StartPlan:
        """Go on by another plan, and the policy and its loop with it."""
        LOG.warning(
            "This live migration starts again without post-copy: %s",
            reason,
            instance=self.instance,
        )
        with self._changing:
            around = replace(self.policy.around, no_postcopy=reason)
            self.policy = type(self.policy)(self.policy.budget, around)
            if self._loop is not None:
                self._loop.policy = self.policy
        self.no_postcopy = reason
        self.plan = self.policy.plan()
        self.record.note(no_postcopy=reason)
        self.record.planned(self.policy.budget, self.plan)
        return self.plan

    @contextlib.contextmanager
    def operation(self) -> Iterator[None]:
        """Keep what the operation raises.

        The monitor finds out from the job how the migration ended. Nova 33
        and 34 raise the operation's error again after the monitor has dealt
        with it, which turns a server that runs well into ERROR.
        """
        try:
            yield
        except Exception as exc:
            self.operation_error = exc
            if isinstance(exc, AbortedWaiting):
                self.aborted = True

    @contextlib.contextmanager
    def aborting(self) -> Iterator[None]:
        """Note a request to abort. An aborted job may end with an error of
        its connection just as well as with "canceled by client"; one that
        has not begun yet is aborted when it does."""
        self.aborted, before = True, self.aborted
        try:
            yield
        except BaseException as exc:
            if errors.no_job(exc) and self._keep_abort():
                LOG.info(
                    "libvirt has no job yet; it is aborted as soon as it has",
                    instance=self.instance,
                )
                return
            self.aborted = before
            raise

    def _keep_abort(self) -> bool:
        return self.operation_error is None and self.departure.keep_abort()

    def withdrawn(self, why: AbortedWaiting) -> None:
        """It was given up before libvirt was asked for a job."""
        self.aborted = why.told = True

    def noting(self, post_method: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap Nova's post method, to know that it was called."""

        def post(*args: Any, **kwargs: Any) -> Any:
            self.posted = True
            return post_method(*args, **kwargs)

        return post

    def sized(self, size_gib: float, nova_timeout_s: float) -> None:
        """Give the policy what depends on the size of the disks."""
        with self._changing:
            budget, around = self.policy.budget, self.policy.around
            if budget.sources.get("timeout_s") == "nova":
                budget = replace(budget, timeout_s=nova_timeout_s or None)
            if around.staircase is not None:
                stairs = replace(around.staircase, size_gib=size_gib)
                around = replace(around, staircase=stairs)
            self.policy = type(self.policy)(budget, around)

    def steer(
        self,
        make_job: Callable[["Session"], NovaJob],
        guest: Any,
        clock: Clock,
    ) -> Any:
        """Run the loop; return the guest for Nova's monitor.

        Nova's monitor concludes what our loop saw end. Where our loop
        failed, it gets the plain guest and goes on with the migration.
        """
        if self.plan is None:
            return guest
        job: NovaJob | None = None
        try:
            job = make_job(self)
            with self._changing:
                self._loop = SteeringLoop(
                    job,
                    self.policy,
                    self.plan,
                    self.record,
                    clock,
                    self.poll_s,
                    self.instance.uuid,
                    self.watcher,
                    self._pace(),
                )
            self.steered_end = self._loop.run()
        except Exception as exc:
            LOG.exception(
                "Steering of this live migration failed. Nova's own monitor "
                "goes on with it, by [libvirt] live_migration_*; the "
                "server's own timeout_s, on_timeout and max_downtime_ms are "
                "not in force any more.",
                instance=self.instance,
            )
            self.record.note(fell_back=f"{type(exc).__name__}: {exc}")
            self._let_go(job)
            return FallenBackGuest(guest, self.plan, self.on_failure)
        if self.lane is not None:
            # Nova still has to tidy up; the link is free.
            self.lane.leave()
        self.aborted = self.aborted or job.aborted
        self.record.note(last_limit_ms=self.steered_end.limit_ms)
        if self.failed:
            job.leave_speed()
        state = self._final_state(self.steered_end)
        return ConcludedGuest(guest, state)

    def _pace(self) -> Pace | None:
        try:
            return appetite.pace(self.policy, self.foreseen, self.lane)
        except Exception:
            LOG.exception(
                "The bandwidth of this live migration is not looked after",
                instance=self.instance,
            )
            if self.lane is not None:
                self.lane.changed(UNKNOWN)
            return None

    def _let_go(self, job: NovaJob | None) -> None:
        """Leave nothing in force that Nova's monitor knows nothing of."""
        self.left_job = job
        if job is not None:
            job.release_speed()
        if self.lane is not None:
            self.lane.changed(UNKNOWN)

    @property
    def failed(self) -> bool:
        """Our loop saw the job end, and it did not complete."""
        end = self.steered_end
        return bool(
            end and end.sample and end.sample.state is not JobState.COMPLETED
        )

    def recover(self, host: Any, guest: Any) -> None:
        """Resume a guest that was paused for a migration that failed, and
        leave it no limit of ours."""
        if self.posted:
            return
        if self.left_job is not None:
            self.left_job.leave_speed()
        libvirt_migrate.run_recover_tasks(
            host, guest, self.instance, self.on_failure
        )

    def recover_later(self, host: Any) -> None:
        """The same after an error, where no guest is at hand. Never raises."""
        if not self.on_failure:
            return
        try:
            self.recover(host, host.get_guest(self.instance))
        except Exception:
            LOG.exception(
                "This server was paused for its migration and could not be "
                "resumed.",
                instance=self.instance,
            )

    def _final_state(self, end: Progress) -> JobState:
        assert end.sample is not None
        state = end.sample.state
        if state is JobState.FAILED and self._was_aborted():
            return JobState.CANCELLED
        return state

    def _was_aborted(self) -> bool:
        return self.aborted or errors.aborted(self.operation_error)

    def outcome(self, raised: Exception | None) -> Outcome:
        """Return how it ended.

        :param raised: what ``_live_migration`` of Nova ended with
        """
        stats = self.completed.get()
        return ending.outcome(
            ending.Ended(
                posted=self.posted,
                aborted=self._was_aborted(),
                operation_error=self.operation_error,
                raised=raised,
                steered=self.steered_end,
                final=None if stats is None else to_sample(stats, 0.0),
                decisions=self.record.decisions,
                given_up=self.departure.reason,
            )
        )
