"""What a destination checks before a server may come.

A check may refuse; a fault of ours does not: whether the host is fit is
left to Nova then.
"""

from collections.abc import Callable, Mapping
from typing import Any

import nova.conf
from nova import exception as nova_exception
from nova import rpc as nova_rpc
from oslo_log import log as logging

from nova_livemig_gpu import conf
from nova_livemig_gpu.exception import MigrationRefused
from nova_livemig_gpu.rpc import client as rpc_client
from nova_livemig_gpu.virt import exact, precheck
from nova_livemig_gpu.virt.service import Service

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF


class HostChecks:
    """The checks of one driver; on a Nova that we do not know, none."""

    def __init__(
        self, service: Service, stats: Callable[[], Mapping[str, str]]
    ) -> None:
        """:param stats: the published facts of this host"""
        self._service = service
        self._stats = stats

    def check_host(self, instance: Any, src_compute_info: Any) -> None:
        """Refuse a server that cannot live here, see ``virt.precheck``.

        :param src_compute_info: the source's compute node, a dict
        :raises MigrationPreCheckError: this host is not fit
        """
        if self._service.release is None:
            return
        source_stats = src_compute_info.get("stats") or {}
        _guarded(
            instance,
            lambda: precheck.check(
                instance, source_stats, self._stats(), CONF.host
            ),
        )
        _guarded(instance, lambda: self._candidates(instance, source_stats))

    def _candidates(
        self, instance: Any, source_stats: Mapping[str, Any]
    ) -> None:
        options = self._service.options.read()
        exact.check_candidates(
            instance,
            precheck.needs(instance, source_stats),
            self._service.gpus.devices() or (),
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
        _guarded(instance, lambda: self._exact(instance, migrate_data))

    def _exact(self, instance: Any, migrate_data: Any) -> None:
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
        if self._service.release is not None:
            _guarded(instance, lambda: _translated(instance, preflight))


def _translated(instance: Any, preflight: Callable[[], None]) -> None:
    try:
        preflight()
    except MigrationRefused as exc:
        LOG.warning("Refused: %s", exc, instance=instance)
        raise nova_exception.MigrationPreCheckError(
            reason=f"live migration of server {instance.uuid}: {exc} "
            f"({exc.code})"
        ) from exc


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
