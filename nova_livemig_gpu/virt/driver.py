"""``compute_driver = livemig_gpu.LibvirtDriver``.

Nova's libvirt driver with its live migrations steered. What is relied on of
Nova stands in each method; tests/unit/virt/test_signatures.py compares it
with every supported release. What is added to a method is carried out by
``fallback``: where it fails, the method is Nova's.
"""

import functools
from contextlib import AbstractContextManager
from typing import Any

from nova.exception import InstanceNotFound, MigrationPreCheckError
from nova.virt.libvirt import driver as libvirt_driver
from oslo_log import log as logging

from nova_livemig_gpu.exception import InvalidOption, MigrationRefused
from nova_livemig_gpu.fallback import attempt, attempting
from nova_livemig_gpu.migration.departure import Departure
from nova_livemig_gpu.migration.loop import Clock
from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.virt import hostchecks, service
from nova_livemig_gpu.virt.arrivals import Arrivals
from nova_livemig_gpu.virt.hostchecks import HostChecks
from nova_livemig_gpu.virt.interrupted import Interrupted
from nova_livemig_gpu.virt.job import NovaJob
from nova_livemig_gpu.virt.mdevs import Mdevs
from nova_livemig_gpu.virt.outbound import Outbound, Place
from nova_livemig_gpu.virt.proxies import AttendedGuest
from nova_livemig_gpu.virt.publisher import Publisher
from nova_livemig_gpu.virt.rollback import roll_back
from nova_livemig_gpu.virt.session import Session
from nova_livemig_gpu.virt.steering import GONE, Steering
from nova_livemig_gpu.virt.waiting import AbortedWaiting

LOG = logging.getLogger(__name__)

#: Nova's, whatever stands under its name later.
_STOCK: Any = libvirt_driver.LibvirtDriver
#: How a check says that Nova must try another host.
_REFUSED = (MigrationPreCheckError,)


class LibvirtDriver(libvirt_driver.LibvirtDriver):
    """Nova's driver; a migration without a session is Nova's alone."""

    #: None: nobody resumes what arrives quiesced.
    _arrivals: Arrivals | None = None

    def __init__(self, virtapi: Any, read_only: bool = False) -> None:
        """:raises InvalidOption: an option is wrong; the service must stop"""
        super().__init__(virtapi, read_only)
        try:
            self._make_parts()
        except InvalidOption:
            raise
        except Exception:
            LOG.exception(
                "nova-livemig-gpu cannot be used: until nova-compute is "
                "started again it has Nova's own libvirt driver."
            )
            self.__class__ = _STOCK

    def _make_parts(self) -> None:
        shared = self._service = service.make(self)
        self._steering = Steering(shared)
        self._outbound = Outbound(shared)
        self._mdevs = Mdevs(shared)
        self._publisher = Publisher(
            shared, lambda: self._steering.running, self._steering.stun_of
        )
        self._checks = HostChecks(shared, self._publisher.facts)
        self._interrupted = Interrupted(shared)
        self._arrivals = self._steering.arrivals

    def init_host(self, host: str) -> None:
        super().init_host(host)
        attempt(service.look_at_modes, self._service)
        attempt(self._interrupted.close)
        attempt(
            self._publisher.answer_other_hosts,
            host,
            self._arrivals is not None,
        )
        if self._arrivals is not None:
            attempt(self._arrivals.look)

    def emit_event(self, event: Any) -> None:
        """Resumes what the source has quiesced as soon as it runs here.

        Nova's ``Host`` holds this very method (``lifecycle_event_handler``),
        also of a driver that has become Nova's own: no ``super()``.
        """
        if isinstance(self, LibvirtDriver) and self._arrivals is not None:
            attempt(self._arrivals.event, event)
        _STOCK.emit_event(self, event)

    def cleanup_host(self, host: str) -> None:
        attempt(self._outbound.close)
        attempt(self._publisher.close)
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
        attempt(
            self._checks.check_host,
            instance,
            src_compute_info,
            instance=instance,
            meant=_REFUSED,
        )
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
        attempt(self._clean_mdevs, instance, instance=instance)
        try:
            with attempting(
                hostchecks.claiming,
                instance,
                instance=instance,
                meant=_REFUSED,
            ):
                data = super().check_source_migrate_data_at_dest(
                    ctxt, instance, migrate_data, migration, limits, allocs
                )
            attempt(
                self._checks.check_vgpus,
                instance,
                data,
                instance=instance,
                meant=_REFUSED,
            )
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
        attempt(
            self._checks.check_budget,
            instance,
            lambda: self._steering.preflight(context, instance, data),
            instance=instance,
            meant=_REFUSED,
        )
        return data

    def destroy(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        block_device_info: Any = None,
        destroy_disks: bool = True,
        destroy_secrets: bool = True,
    ) -> None:
        """Rolls back a migration of the server that has not gone yet."""
        attempt(
            self._outbound.withdraw,
            instance,
            "the server is deleted",
            instance=instance,
        )
        super().destroy(
            context,
            instance,
            network_info,
            block_device_info,
            destroy_disks,
            destroy_secrets,
        )

    def power_off(
        self, instance: Any, timeout: int = 0, retry_interval: int = 0
    ) -> None:
        """As ``destroy``: a server that is deleted for a while is stopped."""
        attempt(
            self._outbound.withdraw,
            instance,
            "the server is stopped",
            instance=instance,
        )
        super().power_off(instance, timeout, retry_interval)

    def rollback_live_migration_at_source(
        self, context: Any, instance: Any, migrate_data: Any
    ) -> None:
        """Lets Nova's rollback go on where the server has gone."""
        try:
            super().rollback_live_migration_at_source(
                context, instance, migrate_data
            )
        except InstanceNotFound as exc:
            if self._departure(instance) is None:
                raise
            LOG.info("Nothing to attach again: %s", exc, instance=instance)

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
        held: tuple[str, ...] = attempt(
            self._mdevs.hold, instance, instance=instance, otherwise=()
        )
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
            attempt(self._mdevs.renew, instance, held, instance=instance)
            attempt(self._publisher.renew)

    def post_live_migration_at_source(
        self, context: Any, instance: Any, network_info: Any
    ) -> None:
        """Reads what the server has left here: Nova publishes it as soon as
        the destination has concluded (``update_available_resource`` in
        ``_post_live_migration`` of nova/compute/manager.py), and it may come
        back at once."""
        super().post_live_migration_at_source(context, instance, network_info)
        attempt(self._publisher.renew)

    def post_live_migration_at_destination(
        self,
        context: Any,
        instance: Any,
        network_info: Any,
        block_migration: bool = False,
        block_device_info: Any = None,
    ) -> None:
        """Resumes what the source has quiesced."""
        if self._arrivals is not None:
            attempt(self._arrivals.posted, instance.uuid, instance=instance)
        super().post_live_migration_at_destination(
            context, instance, network_info, block_migration, block_device_info
        )
        attempt(self._publisher.renew)

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        data: dict[str, Any] = super().get_available_resource(nodename)
        attempt(self._add_stats, data)
        return data

    def _add_stats(self, data: dict[str, Any]) -> None:
        # Nova 31.0.0 has no such key, later ones put the uptime there.
        data.setdefault("stats", {}).update(self._publisher.stats())

    def update_provider_tree(
        self, provider_tree: Any, nodename: str, allocations: Any = None
    ) -> None:
        super().update_provider_tree(
            provider_tree, nodename, allocations=allocations
        )
        attempt(self._add_traits, provider_tree, nodename)

    def _add_traits(self, provider_tree: Any, nodename: str) -> None:
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

        def undo(status: str) -> None:
            recover = functools.partial(
                recover_method, context, instance, dest, migrate_data
            )
            migration = migrate_data.migration
            roll_back(self, context, instance, migration, recover, status)

        with attempting(
            self._outbound.departure, instance, instance=instance
        ) as departure:
            record = attempt(
                self._steering.expect,
                context,
                instance,
                dest,
                migrate_data,
                instance=instance,
            )
            try:
                with attempting(
                    self._turn,
                    instance,
                    migrate_data,
                    departure,
                    record,
                    instance=instance,
                    meant=(AbortedWaiting,),
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
            except AbortedWaiting as why:
                attempt(
                    self._steering.withdrawn,
                    context,
                    instance,
                    record,
                    why,
                    instance=instance,
                )
                undo(why.status)
            except MigrationRefused:
                # Told by steering; the server stays, as after a failure.
                undo("failed")

    def _turn(
        self,
        instance: Any,
        migrate_data: Any,
        departure: Departure | None,
        record: Record | None,
    ) -> AbstractContextManager[Place]:
        return self._outbound.turn(
            instance,
            migrate_data.migration,
            departure or Departure(),
            record,
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
        place: Place | None,
    ) -> None:
        """Wraps operation thread and monitor of one migration.

        :param place: None: it is not known to our queues, and is Nova's
        """
        session: Session | None = None
        if place is not None:
            session = attempt(
                self._steering.begin,
                context,
                instance,
                dest,
                migrate_data,
                place,
                instance=instance,
                meant=(AbortedWaiting, MigrationRefused),
            )
        if session is not None:
            post_method = attempt(
                session.noting,
                post_method,
                instance=instance,
                otherwise=post_method,
            )
        attempt(self._publisher.renew)
        raised: Exception | None = None
        try:
            if place is not None:
                attempt(place.check, meant=(AbortedWaiting,))
            super()._live_migration(
                context,
                instance,
                dest,
                post_method,
                recover_method,
                block_migration,
                migrate_data,
            )
        except AbortedWaiting as why:
            if session is not None:
                attempt(session.withdrawn, why, instance=instance)
            raise
        except Exception as exc:
            raised = exc
            if self._never_began(instance, exc):
                raise AbortedWaiting(
                    GONE, "failed", told=session is not None
                ) from exc
            if session is not None:
                # Nova has asked for the job to be aborted by now.
                attempt(session.recover_later, self._host, instance=instance)
            raise
        finally:
            # Nova leaves it there where its monitor raises.
            self.active_migrations.pop(instance.uuid, None)
            if session is not None:
                attempt(
                    self._steering.end,
                    context,
                    session,
                    raised,
                    instance=instance,
                )
            attempt(self._publisher.renew)

    def _never_began(self, instance: Any, error: Exception) -> bool:
        """Nova's ``_live_migration`` looks for the guest before all else.

        It does so again, to abort, after an error of a migration that its
        monitor has concluded: of one that has left, nothing is rolled back.
        """
        leaving = self._departure(instance)
        return (
            isinstance(error, InstanceNotFound)
            and instance.uuid not in self.active_migrations
            and leaving is not None
            and not leaving.watched
        )

    def _departure(self, instance: Any) -> Departure | None:
        return attempt(self._outbound.find, instance, instance=instance)

    def _session(self, instance: Any) -> Session | None:
        return attempt(self._steering.find, instance, instance=instance)

    def live_migration_abort(self, instance: Any) -> None:
        """Keeps what libvirt cannot do yet; notes that somebody asked, since
        libvirt does not always say."""
        if attempt(self._outbound.give_up, instance, instance=instance):
            return
        session = self._session(instance)
        if session is None:
            super().live_migration_abort(instance)
            return
        with attempting(session.aborting, instance=instance):
            super().live_migration_abort(instance)

    def live_migration_force_complete(self, instance: Any) -> None:
        """Keeps what libvirt cannot do yet."""
        departure = self._departure(instance)
        if departure is not None and attempt(
            departure.keep_force, instance=instance
        ):
            return
        super().live_migration_force_complete(instance)

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
        session = self._session(instance)
        if session is None:
            super()._live_migration_operation(
                context,
                instance,
                dest,
                block_migration,
                migrate_data,
                guest,
                device_names,
            )
            return
        with attempting(session.operation, instance=instance):
            super()._live_migration_operation(
                context,
                instance,
                dest,
                block_migration,
                migrate_data,
                attempt(
                    session.planned, guest, instance=instance, otherwise=guest
                ),
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
        departure = self._departure(instance)
        if departure is not None:
            departure.watched = True
        session = self._session(instance)
        shown = guest
        if session is not None:
            shown = attempt(
                self._steer,
                session,
                guest,
                migrate_data,
                finished,
                disk_paths,
                instance=instance,
                otherwise=guest,
            )
        if departure is not None:
            force = functools.partial(
                super().live_migration_force_complete, instance
            )
            shown = AttendedGuest(shown, departure, force)
        super()._live_migration_monitor(
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
        if session is None:
            return
        attempt(session.recover, self._host, guest, instance=instance)
        error = attempt(self._steering.operation_error, session)
        if error is not None:
            raise error

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
            attempt(session.recover, self._host, guest, instance=instance)
        return shown
