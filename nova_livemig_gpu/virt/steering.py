"""Begins and ends the sessions of a driver."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import libvirt
import nova.conf
from nova import exception as nova_exception
from nova import rpc as nova_rpc
from nova import version as nova_version
from oslo_log import log as logging

from nova_livemig_gpu import conf, exception
from nova_livemig_gpu.conf.reader import Reader
from nova_livemig_gpu.facts import codec, traits
from nova_livemig_gpu.gpu import loader as gpu_loader
from nova_livemig_gpu.migration import budget, hooks
from nova_livemig_gpu.migration.audit import AuditEvent, audit
from nova_livemig_gpu.migration.overhead import overhead_ms
from nova_livemig_gpu.migration.record import Records
from nova_livemig_gpu.model import (
    Budget,
    HostFacts,
    JobState,
    Outcome,
    Surroundings,
)
from nova_livemig_gpu.policies import loader, staircase
from nova_livemig_gpu.policies.base import Policy
from nova_livemig_gpu.rpc import client as rpc_client
from nova_livemig_gpu.rpc import server as rpc_server
from nova_livemig_gpu.virt import (
    errors,
    exact,
    postcopy,
    precheck,
    releases,
    report,
    settings,
)
from nova_livemig_gpu.virt.completed import CompletedStats
from nova_livemig_gpu.virt.hostfacts import HostFactsReader
from nova_livemig_gpu.virt.job import NovaJob
from nova_livemig_gpu.virt.session import Session

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF

_RECORDS_READ = 40
_INTERRUPTED = "nova-compute on the source stopped while it was running"


class Steering:
    """What the driver asks; one for each driver.

    Nothing but the constructor raises: a migration for which no session can
    be made is Nova's alone.
    """

    def __init__(self, driver: Any) -> None:
        """:raises InvalidOption: an option is wrong; the service must stop"""
        conf.register_opts(CONF)
        self._options = Reader(CONF)
        options = self._options.read()
        _check_policy(options.policy)
        self._policy_at_start = options.policy
        self._driver = driver
        self._sessions: dict[str, Session] = {}
        self._hooks = hooks.load(options.hooks)
        self._answering: Any = None
        self.release = _release()
        self._gpus = gpu_loader.load()
        self._facts = HostFactsReader(
            driver,
            self._gpus,
            _own_version(),
            self.release.number if self.release else None,
        )

    def answer_other_hosts(self, host: str) -> None:
        """Start the RPC server of this host. Never raises."""
        try:
            self._answering = rpc_server.start(
                nova_rpc.TRANSPORT, host, self._gpus
            )
        except Exception:
            LOG.exception(
                "Other hosts get no answers from this one: live migrations "
                "of vGPU servers from here are of unknown compatibility."
            )

    def close(self) -> None:
        """Stop answering other hosts. Never raises."""
        answering, self._answering = self._answering, None
        if answering is None:
            return
        try:
            answering.stop()
            answering.wait()
        except Exception:
            LOG.exception("The RPC server of this package did not stop")

    def check_host(self, instance: Any, src_compute_info: Any) -> None:
        """Refuse a server that cannot live here, see ``virt.precheck``.

        :param src_compute_info: the source's compute node, a dict
        :raises MigrationPreCheckError: this host is not fit
        """
        if self.release is None:
            return
        source_stats = src_compute_info.get("stats") or {}
        _guarded(
            instance,
            lambda: precheck.check(
                instance, source_stats, self.stats(), CONF.host
            ),
        )
        _guarded(instance, lambda: self._candidates(instance, source_stats))

    def _candidates(
        self, instance: Any, source_stats: Mapping[str, Any]
    ) -> None:
        options = self._options.read()
        exact.check_candidates(
            instance,
            precheck.needs(instance, source_stats),
            self._gpus.devices() or (),
            self._gpus,
            self._client(options).vgpu_metadata,
            options.unknown_compatibility,
        )

    def _client(self, options: conf.Options) -> rpc_client.Client:
        return rpc_client.Client(
            nova_rpc.TRANSPORT, options.exact_check_timeout_s
        )

    def check_vgpus(self, instance: Any, migrate_data: Any) -> None:
        """Take NVML's verdict, see ``virt.exact``.

        :raises MigrationPreCheckError: this host is not fit
        """
        if self.release is None:
            return
        _guarded(instance, lambda: self._exact(instance, migrate_data))

    def _exact(self, instance: Any, migrate_data: Any) -> None:
        options = self._options.read()
        exact.check(
            instance,
            migrate_data,
            self._driver._get_mediated_devices,
            self._gpus,
            self._client(options).vgpu_metadata,
            options.unknown_compatibility,
        )

    def stats(self) -> dict[str, str]:
        """Return what is added to the compute node's ``stats``. Never
        raises: without facts a host is one of unknown compatibility."""
        try:
            return codec.encode(self._read_facts())
        except Exception:
            LOG.exception("The facts of this host are not published")
            return {}

    def traits(self, existing: Iterable[str]) -> set[str]:
        """Return all traits of this host, ours as they are now. Never
        raises."""
        try:
            return traits.update(existing, traits.traits(self._read_facts()))
        except Exception:
            LOG.exception("The traits of this host are left as they are")
            return set(existing)

    def _read_facts(self) -> HostFacts:
        return self._facts.read(
            CONF.libvirt.virt_type,
            CONF.libvirt.cpu_mode,
            len(self._sessions),
        )

    def close_interrupted(self) -> None:
        """Finish what a nova-compute that died has left. Never raises.

        Nova itself resets the servers (``_reset_live_migration`` in
        nova/compute/manager.py); this tells why.
        """
        try:
            options = self._options.read()
            records = Records(options.state_dir, options.max_records)
            for found in records.unfinished():
                if found.get("source") == CONF.host:
                    self._close(records, found)
        except Exception:
            LOG.exception("Interrupted migrations were not closed")

    def _close(self, records: Records, found: dict[str, Any]) -> None:
        try:
            reason = f"{_INTERRUPTED}; {self._whereabouts(found)}"
            report.interrupted(found, reason)
            records.finish(found, Outcome(JobState.FAILED, reason=reason))
        except Exception:
            LOG.exception("An interrupted migration was not closed")

    def _whereabouts(self, found: dict[str, Any]) -> str:
        """Say where a server is, for Nova may not know."""
        try:
            connection = self._driver._host.get_connection()
            domain = connection.lookupByUUIDString(found["server"])
            if errors.left_by_postcopy(domain.state()):
                return (
                    "it was in post-copy: the server runs on "
                    f"{found.get('destination')}"
                )
        except Exception as exc:
            if not errors.domain_gone(exc):
                return f"where the server is now is not known: {exc}"
            return (
                f"the server is not on {CONF.host} any more: look for it on "
                f"{found.get('destination')}"
            )
        return f"the server is on {CONF.host}"

    def find(self, instance: Any) -> Session | None:
        """Return the session of a running migration."""
        return self._sessions.get(instance.uuid)

    def begin(
        self, context: Any, instance: Any, dest: str, migrate_data: Any
    ) -> Session | None:
        """Begin a session; None: leave the migration to Nova."""
        if self.release is None:
            return None
        try:
            session = self._begin(context, instance, dest, migrate_data)
        except Exception:
            LOG.exception(
                "This live migration cannot be steered and is left to Nova.",
                instance=instance,
            )
            return None
        self._sessions[instance.uuid] = session
        report.started(context, instance, CONF.host)
        _audit(context, session, "start")
        return session

    def _begin(
        self, context: Any, instance: Any, dest: str, migrate_data: Any
    ) -> Session:
        options = self._options.read()
        records = Records(options.state_dir, options.max_records)
        wanted = self._budget(options, context, instance)
        guest = self._driver._host.get_guest(instance)
        around = Surroundings(
            overhead_ms=overhead_ms(
                records.latest(_RECORDS_READ), options.switchover_overhead_ms
            ),
            no_postcopy=self._no_postcopy(instance, guest, migrate_data),
            vfio=postcopy.has_vfio(guest),
            staircase=settings.staircase(
                CONF.libvirt, instance.flavor.memory_mb
            ),
        )
        policy = _policy(
            wanted, (options.policy, self._policy_at_start), around, instance
        )
        record = records.create(
            migrate_data.migration.uuid,
            _head(context, instance, dest, migrate_data.migration, around),
        )
        plan = policy.plan() if policy.steers else None
        if plan is not None:
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
        completed.listen()
        facts = {
            "server": instance.uuid,
            "source": CONF.host,
            "destination": dest,
        }
        failures = hooks.call(self._hooks, "before_start", facts)
        if failures:
            record.note(hook_failures=failures)
        # Last, so that a record without an outcome is one of a crash.
        record.planned(policy.budget, plan)
        return Session(
            instance,
            policy,
            plan,
            record,
            completed,
            poll_s=options.poll_interval_ms / 1000,
            hook_facts=facts,
        )

    def _budget(self, options: Any, context: Any, instance: Any) -> Budget:
        return budget.resolve(
            options,
            settings.nova_defaults(CONF.libvirt, instance.flavor.memory_mb),
            settings.extra_specs(context, instance),
            settings.image_properties(instance),
        )

    def _no_postcopy(
        self, instance: Any, guest: Any, migrate_data: Any
    ) -> str | None:
        flags = self._driver._get_migration_flags(migrate_data.block_migration)
        return postcopy.obstacle(
            self._driver,
            instance,
            guest,
            flags,
            file_backed=CONF.libvirt.file_backed_memory > 0,
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
        )

    def surface_operation_error(self, session: Session) -> None:
        """Raise what Nova would: an operation that failed although the
        server has left this host."""
        assert self.release is not None
        error = session.operation_error
        if session.posted and error and self.release.raises_operation_error:
            raise error

    def end(
        self, context: Any, session: Session, raised: Exception | None
    ) -> None:
        """End a session: record and report. Never raises."""
        self._sessions.pop(session.instance.uuid, None)
        try:
            session.completed.close()
            outcome = session.outcome(raised)
            report.ended(context, session.instance, outcome)
            _audit(context, session, "end", outcome)
            _log(session, outcome)
            failures = hooks.call(
                self._hooks, "ended", session.hook_facts, outcome
            )
            if failures:
                session.record.note(hook_failures=failures)
            session.record.note(ended_at=_now())
            session.record.ended(outcome)
        except Exception:
            LOG.exception(
                "The end of this live migration was not recorded.",
                instance=session.instance,
            )


def _release() -> releases.Release | None:
    try:
        return releases.find(nova_version.version_string())
    except exception.UnsupportedRelease as exc:
        LOG.error("%s. Live migrations are left to Nova.", exc)
        return None


def _guarded(instance: Any, check: Callable[[], None]) -> None:
    """Let a check refuse, but no fault of ours: any other exception than
    Nova's own would cross RPC and leave the server in ERROR."""
    try:
        check()
    except nova_exception.MigrationPreCheckError:
        raise
    except Exception:
        LOG.exception(
            "A check of this package failed; whether this host is fit is "
            "left to Nova.",
            instance=instance,
        )


def _own_version() -> str:
    try:
        return version("nova-livemig-gpu")
    except PackageNotFoundError:
        return "unknown"


def _check_policy(name: str) -> None:
    try:
        loader.find(name)
    except exception.PolicyNotFound as exc:
        raise exception.InvalidOption(
            option="policy", value=name, right=str(exc)
        ) from exc


def _policy(
    wanted: Budget, others: Iterable[str], around: Surroundings, instance: Any
) -> Policy:
    """:param others: what to take, in order, where there is no such policy"""
    if around.vfio:
        # Until there is a law that knows of device state: as Nova does.
        return staircase.StaircasePolicy(
            replace(wanted, policy=staircase.NAME), around
        )
    for name in (wanted.policy, *others):
        try:
            return loader.find(name)(replace(wanted, policy=name), around)
        except exception.PolicyNotFound as exc:
            LOG.warning("%s. Taking the next best.", exc, instance=instance)
    raise exception.PolicyNotFound(name=wanted.policy, installed="none")


def _head(
    context: Any,
    instance: Any,
    dest: str,
    migration: Any,
    around: Surroundings,
) -> dict[str, Any]:
    return {
        "request_id": context.request_id,
        "user_id": context.user_id,
        "project_id": context.project_id,
        "migration": migration.uuid,
        "server": instance.uuid,
        "source": CONF.host,
        "destination": dest,
        "started_at": _now(),
        "overhead_ms": around.overhead_ms,
        "vfio": around.vfio,
        "memory_mb": instance.flavor.memory_mb,
        "libvirt": libvirt.getVersion(),
    }


def _audit(
    context: Any,
    session: Session,
    phase: str,
    outcome: Outcome | None = None,
) -> None:
    audit(
        CONF,
        AuditEvent(
            event="livemig_gpu.migration",
            phase=phase,
            request_id=context.request_id,
            user_id=context.user_id,
            project_id=context.project_id,
            server=session.instance.uuid,
            server_name=session.instance.display_name,
            source=session.hook_facts["source"],
            destination=session.hook_facts["destination"],
            result=outcome.state.value if outcome else None,
            reason=outcome.reason if outcome else None,
        ),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _log(session: Session, outcome: Outcome) -> None:
    if outcome.reason is not None:
        LOG.error(
            "Live migration %s: %s",
            outcome.state.value,
            outcome.reason,
            instance=session.instance,
        )
        return
    LOG.info(
        "Live migration completed: total %s ms, downtime %s ms, sent %s "
        "bytes, passes %s, post-copy %s",
        outcome.total_ms,
        outcome.downtime_ms,
        outcome.sent_bytes,
        outcome.passes,
        outcome.postcopy,
        instance=session.instance,
    )
