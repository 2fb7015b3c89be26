"""What a destination checks before a server may come.

A check refuses by ``MigrationPreCheckError``. Any other exception of it is a
fault of ours, after which the driver leaves to Nova whether the host is fit
(``fallback``): it must not cross RPC, where it leaves the server in ERROR.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import nova.conf
from nova import exception as nova_exception
from nova import rpc as nova_rpc
from oslo_log import log as logging

from nova_livemig_gpu import conf, foreign
from nova_livemig_gpu.exception import MigrationRefused
from nova_livemig_gpu.model import HostFacts
from nova_livemig_gpu.rpc import client as rpc_client
from nova_livemig_gpu.virt import errors, exact, precheck
from nova_livemig_gpu.virt.service import Service

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF


@contextmanager
def claiming(instance: Any) -> Iterator[None]:
    """What keeps Nova from having an mdev refuses this host, and no more.

    Nova lets an mdev that cannot be created pass as it is (libvirt's error),
    as well as that there is none left (``ComputeResourcesUnavailable`` of
    ``_allocate_mdevs``), and the conductor puts the server, which has not
    been touched, into ERROR (``live_migrate`` in
    nova/conductor/tasks/live_migrate.py goes on to the next host for
    ``MigrationPreCheckError`` and ``Invalid`` only).

    :raises MigrationPreCheckError: instead of these
    """
    try:
        yield
    except Exception as exc:
        none_left = isinstance(exc, nova_exception.ComputeResourcesUnavailable)
        if not none_left and not errors.of_libvirt(exc):
            raise
        LOG.warning(
            "Refused: no mediated device could be prepared for this server: "
            "%s",
            exc,
            instance=instance,
        )
        raise nova_exception.MigrationPreCheckError(
            reason=(
                f"{CONF.host}: no mediated device could be prepared for "
                f"server {instance.uuid}: {foreign.cut(str(exc))}"
            )
        ) from exc


class HostChecks:
    """The checks of one driver; on a Nova that we do not know, none."""

    def __init__(
        self, service: Service, facts: Callable[[], HostFacts]
    ) -> None:
        """:param facts: reads what this host is now, the room on its GPUs
        above all"""
        self._service = service
        self._facts = facts

    def check_host(self, instance: Any, src_compute_info: Any) -> None:
        """Refuse a server that cannot live here, see ``virt.precheck``.

        :param src_compute_info: the source's compute node, a dict; None:
            nothing is known of it
        :raises MigrationPreCheckError: this host is not fit
        """
        if self._service.release is None:
            return
        here = self._facts()
        needs = precheck.needs(instance, (src_compute_info or {}).get("stats"))
        precheck.check(instance, needs, here)
        options = self._service.options.read()
        exact.check_candidates(
            instance,
            needs,
            here.gpus or (),
            self._service.gpus,
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
        if self._service.release is None:
            return
        options = self._service.options.read()
        exact.check(
            instance,
            migrate_data,
            self._service.driver._get_mediated_devices,
            self._service.gpus,
            self._client(options).vgpu_metadata,
            options.unknown_compatibility,
        )

    def check_budget(
        self, instance: Any, preflight: Callable[[], None]
    ) -> None:
        """Refuse a server whose migration may not start from here.

        :param preflight: raises MigrationRefused
        :raises MigrationPreCheckError: Nova tries the next host, which is
            refused alike: the reason is the server's
        """
        if self._service.release is None:
            return
        try:
            preflight()
        except MigrationRefused as exc:
            LOG.warning("Refused: %s", exc, instance=instance)
            raise nova_exception.MigrationPreCheckError(
                reason=f"live migration of server {instance.uuid}: {exc} "
                f"({exc.code})"
            ) from exc
