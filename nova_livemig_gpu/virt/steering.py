"""Begins and ends the sessions of a driver."""

import functools
from dataclasses import replace
from typing import Any

import nova.conf
from nova import exception
from oslo_log import log as logging

from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.exception import MigrationRefused
from nova_livemig_gpu.facts.stuns import StunOf
from nova_livemig_gpu.migration.hook_calls import HookCalls
from nova_livemig_gpu.migration.record import Record, Records
from nova_livemig_gpu.migration.sharers import Terms
from nova_livemig_gpu.model import JobState, Outcome
from nova_livemig_gpu.policies.base import Policy
from nova_livemig_gpu.policies.sharing import Demand
from nova_livemig_gpu.virt import (
    aftermath,
    appetite,
    choice,
    report,
    stephooks,
    trail,
    wire,
)
from nova_livemig_gpu.virt.ahead import Ahead
from nova_livemig_gpu.virt.arrivals import Arrivals
from nova_livemig_gpu.virt.completed import CompletedStats
from nova_livemig_gpu.virt.foreseen import Foreseen
from nova_livemig_gpu.virt.job import NovaJob
from nova_livemig_gpu.virt.outbound import Place
from nova_livemig_gpu.virt.service import Service
from nova_livemig_gpu.virt.session import Session
from nova_livemig_gpu.virt.waiting import AbortedWaiting, code_of

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF

#: Why a migration is given up whose server libvirt does not know.
GONE = "the server is not there any more"


class Steering:
    """What the driver asks; one for each driver.

    Nothing but the constructor and a refusal raises: a migration for which
    no session can be made is Nova's alone.
    """

    def __init__(self, service: Service) -> None:
        """:raises InvalidOption: an option is wrong; the service must stop"""
        options = service.options.read()
        choice.check(options.policy)
        self._ahead = Ahead(service, options.policy)
        self._options = service.options
        self._driver = service.driver
        self._links = service.links
        self._sessions: dict[str, Session] = {}
        self._hooks = stephooks.StepHooks(service, options.hooks)
        self.release = service.release

    @property
    def stun_of(self) -> StunOf:
        """Predicts the stun of a server of this host."""
        return self._ahead.foresight.stun_of

    @property
    def running(self) -> int:
        """How many sessions there are."""
        return len(self._sessions)

    def find(self, instance: Any) -> Session | None:
        """Return the session of a running migration."""
        return self._sessions.get(instance.uuid)

    def expect(
        self, context: Any, instance: Any, dest: str, migrate_data: Any
    ) -> Record | None:
        """Write down what is left of a migration if nova-compute dies before
        libvirt has a job for it, see ``virt.orphans``. Never raises."""
        if self.release is None:
            return None
        try:
            options = self._options.read()
            record = Records(options.state_dir, options.max_records).create(
                migrate_data.migration.uuid,
                trail.prepared(context, instance, dest, migrate_data),
            )
            record.write()
        except Exception:
            LOG.exception(
                "If nova-compute dies before this live migration goes, what "
                "was prepared for it at %s may stay there",
                dest,
                instance=instance,
            )
            return None
        return record

    def withdrawn(
        self,
        context: Any,
        instance: Any,
        record: Record | None,
        why: AbortedWaiting,
    ) -> None:
        """Tell of one that was given up before it had a session, unless it
        is told. Never raises."""
        if why.told:
            return
        outcome = Outcome(JobState.FAILED, reason=why.reason, code="failed")
        if why.status == "cancelled":
            outcome = replace(
                outcome,
                state=JobState.CANCELLED,
                code=code_of(why.reason),
            )
        report.started(context, instance, CONF.host)
        report.ended(context, instance, outcome)
        if record is not None:
            record.note(prepared=None)
            record.ended(outcome)

    def begin(
        self,
        context: Any,
        instance: Any,
        dest: str,
        migrate_data: Any,
        place: Place,
    ) -> Session | None:
        """Begin a session, when there is room on the link for it; None:
        leave the migration to Nova.

        :raises MigrationRefused: it must not start; its user is told
        :raises AbortedWaiting: it was given up before it went
        """
        if self.release is None:
            place.depart()
            return None
        try:
            session = self._begin(context, instance, dest, migrate_data, place)
        except AbortedWaiting:
            raise
        except exception.InstanceNotFound as exc:
            # Nova would leave what was prepared at the destination.
            raise AbortedWaiting(GONE, "failed") from exc
        except MigrationRefused as exc:
            LOG.error("Refused: %s", exc, instance=instance)
            report.started(context, instance, CONF.host)
            report.ended(
                context,
                instance,
                Outcome(JobState.FAILED, reason=str(exc), code="refused"),
            )
            raise
        except Exception:
            LOG.exception(
                "This live migration cannot be steered and is left to Nova.",
                instance=instance,
            )
            place.enter_unknown()
            place.depart()
            if place.record is not None:
                place.record.discard()
            return None
        self._sessions[instance.uuid] = session
        report.started(context, instance, CONF.host)
        trail.audit(context, session, "start")
        return session

    def _begin(
        self,
        context: Any,
        instance: Any,
        dest: str,
        migrate_data: Any,
        place: Place,
    ) -> Session:
        options = self._options.read()
        records = Records(options.state_dir, options.max_records)

        def ahead() -> tuple[Policy, Foreseen]:
            return self._ahead.look(
                options,
                records,
                context,
                instance,
                dest,
                migrate_data,
                self.running,
            )

        def demand(terms: Terms) -> Demand:
            link = self._links.between(options, context, dest)
            return appetite.demand(policy, foreseen, terms, link)

        policy, foreseen = ahead()
        if place.enter(options, demand):
            # What was known of it is old, and fewer are on the link.
            policy, foreseen = ahead()
            place.again(demand)
        record = records.create(
            migrate_data.migration.uuid,
            trail.head(
                context, instance, dest, migrate_data.migration, policy.around
            ),
        )
        record.note(
            running=self.running, link=place.lane.facts(), **foreseen.facts()
        )
        calls = self._calls(
            options, context, instance, dest, migrate_data, policy
        )
        self._ahead.opening.judge(policy, calls, record, instance)
        # Hooks that are asked first may have taken long, too.
        place.check()
        plan = policy.plan() if policy.steers else None
        if plan is not None:
            plan = wire.bind_postcopy(plan, policy.budget)
            LOG.info(
                "Live migration to %s: policy %s, %s",
                dest,
                policy.budget.policy,
                plan,
                instance=instance,
            )
        completed = CompletedStats(
            self._driver._host.get_connection(), instance.uuid
        )
        session = Session(
            instance,
            policy,
            plan,
            record,
            completed,
            poll_s=options.poll_interval_ms / 1000,
            watcher=stephooks.HookWatcher(
                calls,
                record,
                functools.partial(report.warned, context, instance),
            ),
            calls=calls,
            destination=dest,
            foreseen=foreseen,
            lane=place.lane,
            departure=place.departure,
        )
        completed.listen()
        try:
            stephooks.planned(calls, plan)
            record.note(hooks=calls.notes)
            # Last, so that a record without an outcome is one of a crash.
            record.planned(policy.budget, plan)
        except BaseException:
            completed.close()
            raise
        return session

    def preflight(
        self, context: Any, instance: Any, migrate_data: Any
    ) -> None:
        """Look whether the migration may start, before it is prepared.

        The destination is not known to the source at that time.

        :raises MigrationRefused: it may not
        """
        policy = self._ahead.glance(
            self._options.read(), context, instance, migrate_data
        )
        self._ahead.opening.judge(policy, None, None, instance)

    def _calls(
        self,
        options: Options,
        context: Any,
        instance: Any,
        dest: str,
        migrate_data: Any,
        policy: Policy,
    ) -> HookCalls:
        return self._hooks.calls(
            options,
            context,
            instance,
            dest,
            migrate_data.migration.uuid,
            policy.budget,
            policy.around,
        )

    def job(
        self,
        session: Session,
        guest: Any,
        migration: Any,
        finished: Any,
        data_gb: float,
    ) -> NovaJob:
        """Return the job of a session for its loop.

        :param finished: tenth argument of ``_live_migration_monitor``
        :param data_gb: memory and disks, GiB
        """
        release = self.release
        assert release is not None and session.plan is not None
        session.sized(
            data_gb,
            int(CONF.libvirt.live_migration_completion_timeout * data_gb),
        )
        return NovaJob(
            self._driver,
            guest,
            session.instance,
            migration,
            session.plan,
            lambda: release.finished(finished),
            session.on_failure,
            # Nova 31 and 32 have no such option: every 5 s.
            getattr(CONF.libvirt, "live_migration_monitor_interval", 5),
            lambda: session.plain,
            lambda: session.no_postcopy is not None,
            session.departure,
        )

    def operation_error(self, session: Session) -> Exception | None:
        """Return what Nova would raise: an operation that failed although
        the server has left this host."""
        release = self.release
        if session.posted and release and release.raises_operation_error:
            return session.operation_error
        return None

    def end(
        self, context: Any, session: Session, raised: Exception | None
    ) -> None:
        """End a session: record and report. Never raises."""
        self._sessions.pop(session.instance.uuid, None)
        try:
            session.completed.close()
            outcome = session.outcome(raised)
            report.ended(context, session.instance, outcome)
            trail.audit(context, session, "end", outcome)
            trail.log(session, outcome)
            if outcome.state is not JobState.COMPLETED:
                self._look_after(session)
            if session.calls is not None:
                stephooks.ended(session.calls, outcome)
                session.record.note(hooks=session.calls.collect())
            self._ahead.foresight.learn(session, outcome)
            session.record.note(ended_at=trail.now())
            session.record.ended(outcome)
        except Exception:
            LOG.exception(
                "The end of this live migration was not recorded.",
                instance=session.instance,
            )

    def _look_after(self, session: Session) -> None:
        if session.policy.around.vfio and not session.posted:
            session.record.note(
                after_failure=aftermath.at_source(
                    self._driver._host, session.instance
                )
            )

    @property
    def arrivals(self) -> Arrivals | None:
        """Resumes what arrives quiesced; None: nobody does."""
        return self._hooks.arrivals
