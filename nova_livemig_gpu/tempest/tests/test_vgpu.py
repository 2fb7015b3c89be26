"""A server with a vGPU, where the cloud has vGPUs that can be migrated."""

import re
import time
from typing import Any

from tempest import config
from tempest.lib import decorators

from nova_livemig_gpu.tempest import base, contents

CONF = config.CONF
_POLL_S = 1


class VgpuTest(base.MigrationTest):
    """There and back, and given up."""

    @classmethod
    def skip_checks(cls) -> None:
        super().skip_checks()
        if not CONF.livemig_gpu.vgpu_resources:
            raise cls.skipException("[livemig_gpu] vgpu_resources is not set")

    def _flavor(self) -> Any:
        flavor = self.flavor()
        resources = CONF.livemig_gpu.vgpu_resources
        self.admin_flavors_client.set_flavor_extra_spec(
            flavor["id"],
            **{f"resources:{name}": n for name, n in resources.items()},
        )
        return flavor

    @decorators.idempotent_id("8e9fa0b1-c2d3-4e4f-9061-728394a5b620")
    def test_there_and_back(self) -> None:
        server_id = self.server(
            self._flavor(), CONF.livemig_gpu.vgpu_image_ref
        )
        there = self.migrate(server_id)
        self.assert_moved(there)
        back = self.migrate(server_id, there.source)
        self.assert_moved(back)

    @decorators.idempotent_id("a0b1c2d3-e4f5-4061-9283-94a5b6c7d822")
    def test_data(self) -> None:
        """What is in the vGPU comes along."""
        options = CONF.livemig_gpu
        if not (options.vgpu_intact_pattern or options.vgpu_data_command):
            raise self.skipException(
                "[livemig_gpu] neither vgpu_intact_pattern nor "
                "vgpu_data_command is set"
            )
        server_id = self.server(
            self._flavor(), CONF.livemig_gpu.vgpu_image_ref
        )
        self._by_command("mark", server_id)
        self._check_data(server_id)
        self.assert_moved(self.migrate(server_id))
        self._by_command("check", server_id)
        self._check_data(server_id)

    @decorators.idempotent_id("9fa0b1c2-d3e4-4f50-8172-8394a5b6c721")
    def test_abort(self) -> None:
        """The destination's vGPU is free again: the next one gets there."""
        flavor = self._flavor()
        self.set_specs(
            flavor, bandwidth_mbps=CONF.livemig_gpu.slow_bandwidth_mbps
        )
        server_id = self.server(flavor, CONF.livemig_gpu.vgpu_image_ref)
        migration = self.migrate(server_id)
        migration.wait_running()
        migration.abort()
        self.assert_stayed(migration)
        self.unset_spec(flavor, "bandwidth_mbps")
        self.assert_moved(self.migrate(server_id))

    def _by_command(self, word: contents.Word, server_id: str) -> None:
        """The cloud's command finds nothing wrong."""
        command = CONF.livemig_gpu.vgpu_data_command
        if command:
            limit_s = CONF.livemig_gpu.migration_timeout_s
            self.assertIsNone(contents.ask(command, word, server_id, limit_s))

    def _check_data(self, server_id: str) -> None:
        """The console shows, from now on, that the data is intact."""
        if not CONF.livemig_gpu.vgpu_intact_pattern:
            return
        limit = time.monotonic() + CONF.livemig_gpu.migration_timeout_s
        before = self._shown(server_id)
        while len(self._shown(server_id)) <= len(before):
            self.assertLess(
                time.monotonic(), limit, "the console shows no intact data"
            )
            time.sleep(_POLL_S)

    def _shown(self, server_id: str) -> list[str]:
        output = self.console(server_id)
        broken = CONF.livemig_gpu.vgpu_broken_pattern
        if broken:
            self.assertIsNone(re.search(broken, output), output[-2000:])
        return re.findall(CONF.livemig_gpu.vgpu_intact_pattern, output)
