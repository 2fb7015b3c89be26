"""``compute_driver = livemig_gpu.LibvirtDriver``.

Nova's libvirt driver with its live migrations steered. What is relied on of
Nova stands in each method; tests/unit/virt/test_signatures.py compares it
with every supported release.
"""

from typing import Any

from nova.virt.libvirt import driver as libvirt_driver

from nova_livemig_gpu.exception import MigrationRefused
from nova_livemig_gpu.migration.loop import Clock
from nova_livemig_gpu.virt import hostchecks, service
from nova_livemig_gpu.virt.hostchecks import HostChecks
from nova_livemig_gpu.virt.interrupted import Interrupted
from nova_livemig_gpu.virt.job import NovaJob
from nova_livemig_gpu.virt.mdevs import Mdevs
from nova_livemig_gpu.virt.outbound import AbortedWaiting, Outbound, Place
from nova_livemig_gpu.virt.publisher import Publisher
from nova_livemig_gpu.virt.session import Session
from nova_livemig_gpu.virt.steering import Steering


class LibvirtDriver(libvirt_driver.LibvirtDriver):
    """Nova's driver; a migration without a session is Nova's alone."""

    def __init__(self, virtapi: Any, read_only: bool = False) -> None:
        super().__init__(virtapi, read_only)
        shared = service.make(self)
        self._steering = Steering(shared)
        self._outbound = Outbound(shared)
        self._mdevs = Mdevs(shared)
        self._publisher = Publisher(
            shared, lambda: self._steering.running, self._steering.stun_of
        )
        self._checks = HostChecks(shared, self._publisher.facts)
        self._interrupted = Interrupted(shared)

    def init_host(self, host: str) -> None:
        super().init_host(host)
        self._interrupted.close()
        self._publisher.answer_other_hosts(host)

    def cleanup_host(self, host: str) -> None:
        self._publisher.close()
        super().cleanup_host(host)

    def check_can_live_migrate_destination(
        self,
        context: Any,
        instance: Any,
        src_compute_info: Any,
        dst_compute_info: Any,
        block_migration: bool = False,
        disk_over_commit: bool = False,
    ) -> Any:
        """Adds the filters' checks, which a forced migration has not met."""
        self._checks.check_host(instance, src_compute_info)
        return super().check_can_live_migrate_destination(
            context,
            instance,
            src_compute_info,
            dst_compute_info,
            block_migration,
            disk_over_commit,
        )

    def check_source_migrate_data_at_dest(
        self,
        ctxt: Any,
        instance: Any,
        migrate_data: Any,
        migration: Any,
        limits: Any,
        allocs: Any,
    ) -> Any:
        """Adds NVML's verdict on what Nova has claimed on this host.

        A refusal gives the claim back: Nova would keep it until the server
        is next migrated (``instance_claimed_mdevs``). An mdev that libvirt
        does not create is a refusal too, see ``hostchecks.claiming``.
        """
        # A claim that is there already is of a migration that failed.
        self._clean_mdevs(instance)
        try:
            with hostchecks.claiming(instance):
                data = super().check_source_migrate_data_at_dest(
                    ctxt, instance, migrate_data, migration, limits, allocs
                )
            self._checks.check_vgpus(instance, data)
        except Exception:
            self.instance_claimed_mdevs.pop(instance.uuid, None)
            raise
        return data

    def _clean_mdevs(self, instance: Any) -> None:
        held = self._mdevs.hold(instance)
        if held:
            self.instance_claimed_mdevs.pop(instance.uuid, None)
            self._mdevs.renew(instance, held)

    def check_can_live_migrate_source(
        self,
        context: Any,
        instance: Any,
        dest_check_data: Any,
        block_device_info: Any = None,
    ) -> Any:
        """Adds the check of the budget, before anything is prepared."""
        data = super().check_can_live_migrate_source(
            context, instance, dest_check_data, block_device_info
        )
        self._checks.check_budget(
            instance,
            lambda: self._steering.preflight(context, instance, data),
        )
        return data

    def rollback_live_migration_at_destination(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        block_device_info: Any,
        destroy_disks: bool = True,
        migrate_data: Any = None,
    ) -> None:
        """Adds a clean device for the next try, see ``virt.mdevs``."""
        held = self._mdevs.hold(instance)
        try:
            super().rollback_live_migration_at_destination(
                context,
                instance,
                network_info,
                block_device_info,
                destroy_disks,
                migrate_data,
            )
        finally:
            self._mdevs.renew(instance, held)

    def post_live_migration_at_destination(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        block_migration: bool = False,
        block_device_info: Any = None,
    ) -> None:
        """Resumes what the source has quiesced."""
        self._steering.arrived(instance)
        super().post_live_migration_at_destination(
            context, instance, network_info, block_migration, block_device_info
        )

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        data: dict[str, Any] = super().get_available_resource(nodename)
        # Nova 31.0.0 has no such key, later ones put the uptime there.
        data.setdefault("stats", {}).update(self._publisher.stats())
        return data

    def update_provider_tree(
        self, provider_tree: Any, nodename: str, allocations: Any = None
    ) -> None:
        super().update_provider_tree(
            provider_tree, nodename, allocations=allocations
        )
        existing = provider_tree.data(nodename).traits
        provider_tree.update_traits(nodename, self._publisher.traits(existing))

    def _live_migration(
        self,
        context: Any,
        instance: Any,
        dest: str,
        post_method: Any,
        recover_method: Any,
        block_migration: bool,
        migrate_data: Any,
    ) -> None:
        """Waits for its turn, then runs; rolls back what may not."""
        try:
            with self._outbound.turn(
                instance, migrate_data.migration
            ) as place:
                self._run_migration(
                    context,
                    instance,
                    dest,
                    post_method,
                    recover_method,
                    block_migration,
                    migrate_data,
                    place,
                )
        except AbortedWaiting:
            recover_method(
                context,
                instance,
                dest,
                migrate_data,
                migration_status="cancelled",
            )

    def _run_migration(
        self,
        context: Any,
        instance: Any,
        dest: str,
        post_method: Any,
        recover_method: Any,
        block_migration: bool,
        migrate_data: Any,
        place: Place,
    ) -> None:
        """Wraps operation thread and monitor of one migration."""
        try:
            session = self._steering.begin(
                context, instance, dest, migrate_data, place
            )
        except MigrationRefused:
            # Told by steering; the server stays, as after a failure.
            recover_method(context, instance, dest, migrate_data)
            return
        raised: Exception | None = None
        try:
            super()._live_migration(
                context,
                instance,
                dest,
                session.noting(post_method) if session else post_method,
                recover_method,
                block_migration,
                migrate_data,
            )
        except Exception as exc:
            raised = exc
            if session is not None:
                # Nova has asked for the job to be aborted by now.
                session.recover_later(self._host)
            raise
        finally:
            if session is not None:
                self._steering.end(context, session, raised)

    def live_migration_abort(self, instance: Any) -> None:
        """Notes that somebody asked, since libvirt does not always say."""
        session = self._steering.find(instance)
        if session is None:
            if not self._outbound.cancel(instance):
                super().live_migration_abort(instance)
            return
        with session.aborting():
            super().live_migration_abort(instance)

    def _live_migration_operation(
        self,
        context: Any,
        instance: Any,
        dest: str,
        block_migration: bool,
        migrate_data: Any,
        guest: Any,
        device_names: list[str],
    ) -> None:
        """Runs in a thread of its own; calls ``guest.migrate``."""
        session = self._steering.find(instance)
        run = super()._live_migration_operation
        if session is None:
            run(
                context,
                instance,
                dest,
                block_migration,
                migrate_data,
                guest,
                device_names,
            )
            return
        with session.operation():
            run(
                context,
                instance,
                dest,
                block_migration,
                migrate_data,
                session.planned(guest),
                device_names,
            )

    def _live_migration_monitor(
        self,
        context: Any,
        instance: Any,
        guest: Any,
        dest: str,
        post_method: Any,
        recover_method: Any,
        block_migration: bool,
        migrate_data: Any,
        finished: Any,
        disk_paths: list[str],
    ) -> None:
        """Steers, then lets Nova's monitor conclude.

        Nova's monitor is given a job that has ended: it calls the post or
        recover method and clears ``active_migrations`` as ever. After a
        fault of ours it is given the running job.
        """
        session = self._steering.find(instance)
        conclude = super()._live_migration_monitor
        if session is None:
            shown = guest
        else:
            shown = self._steer(
                session, guest, migrate_data, finished, disk_paths
            )
        conclude(
            context,
            instance,
            shown,
            dest,
            post_method,
            recover_method,
            block_migration,
            migrate_data,
            finished,
            disk_paths,
        )
        if session is not None:
            session.recover(self._host, guest)
            self._steering.surface_operation_error(session)

    def _steer(
        self,
        session: Session,
        guest: Any,
        migrate_data: Any,
        finished: Any,
        disk_paths: list[str],
    ) -> Any:
        def job(current: Session) -> NovaJob:
            return self._steering.job(
                current,
                guest,
                migrate_data.migration,
                finished,
                self._live_migration_data_gb(instance, disk_paths),
            )

        instance = session.instance
        shown = session.steer(job, guest, Clock())
        if session.failed:
            session.recover(self._host, guest)
        return shown
