# SPDX-License-Identifier: Apache-2.0
"""A compute host with GPUs and no hypervisor.

It publishes the plugin's facts and takes NVML's verdict as the plugin's
driver does, on Nova's fake driver. It never receives a server: what it does
not refuse for its GPUs it refuses for what it is.
"""

from typing import Any

import nova.conf
from nova import exception
from nova import rpc as nova_rpc
from nova.virt import fake

from nova_livemig_gpu import conf
from nova_livemig_gpu.facts import codec, collect
from nova_livemig_gpu.gpu import loader
from nova_livemig_gpu.rpc.client import Client
from nova_livemig_gpu.virt import exact, precheck

CONF = nova.conf.CONF


class GpuHost(fake.FakeDriverWithoutFakeNodes):  # type: ignore[misc]
    """To Nova a newer QEMU host, so that conductor asks it."""

    def __init__(self, virtapi: Any, read_only: bool = False) -> None:
        super().__init__(virtapi, read_only)
        conf.register_opts(CONF)
        self._gpus = loader.load(CONF.livemig_gpu.gpu_call_timeout_s)

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        data: dict[str, Any] = super().get_available_resource(nodename)
        facts = collect.collect("lab", None, self._gpus)
        data["stats"] = codec.encode(facts)
        data["hypervisor_type"] = "QEMU"
        data["hypervisor_version"] = 99_000_000
        return data

    def check_can_live_migrate_destination(
        self, context: Any, instance: Any, src_compute_info: Any, *rest: Any
    ) -> Any:
        group = CONF.livemig_gpu
        client = Client(nova_rpc.TRANSPORT, group.exact_check_timeout_s)
        exact.check_candidates(
            instance,
            precheck.needs(instance, src_compute_info.get("stats") or {}),
            self._gpus.devices() or (),
            self._gpus,
            client.vgpu_metadata,
            group.unknown_compatibility,
        )
        raise exception.MigrationPreCheckError(reason="a fake host of the lab")
