"""What our tests have in common: servers by extra specs, and migrations."""

import re
import time
from typing import Any

from tempest import config
from tempest.api.compute import base
from tempest.common import waiters

from nova_livemig_gpu.tempest.migrations import Clients, LiveMigration

CONF = config.CONF
PREFIX = "livemig_gpu:"


class LivemigGpuTest(base.BaseV2ComputeAdminTest):
    """2.86: extra specs are checked, and events have details (2.84)."""

    min_microversion = "2.86"
    max_microversion = "latest"

    @classmethod
    def skip_checks(cls) -> None:
        super().skip_checks()
        if not CONF.livemig_gpu.driver:
            raise cls.skipException("[livemig_gpu] driver is False")

    def flavor(self, **specs: object) -> Any:
        """Return a new flavor, as ``[compute] flavor_ref``, with extra specs
        of ours."""
        alike = self.flavors_client.show_flavor(CONF.compute.flavor_ref)
        size = alike["flavor"]
        made = self.create_flavor(size["ram"], size["vcpus"], size["disk"])
        self.set_specs(made, **specs)
        return made

    def set_specs(self, flavor: Any, **specs: object) -> None:
        """Set extra specs of ours."""
        if specs:
            self.admin_flavors_client.set_flavor_extra_spec(
                flavor["id"],
                **{PREFIX + name: str(value) for name, value in specs.items()},
            )

    def unset_spec(self, flavor: Any, name: str) -> None:
        """Take an extra spec of ours away."""
        self.admin_flavors_client.unset_flavor_extra_spec(
            flavor["id"], PREFIX + name
        )


class MigrationTest(LivemigGpuTest):
    """With servers that are migrated."""

    @classmethod
    def skip_checks(cls) -> None:
        super().skip_checks()
        if not CONF.compute_feature_enabled.live_migration:
            raise cls.skipException(
                "[compute-feature-enabled] live_migration is False"
            )
        if CONF.compute.min_compute_nodes < 2:
            raise cls.skipException("[compute] min_compute_nodes < 2")

    def server(self, flavor: Any, image: str = "") -> str:
        """Return the id of a new server that runs, deleted in the end.

        It has no network: that is not what is tested. It is not booted on
        ``incompatible_host``, from where it might not get away; only an
        administrator can ask for that.

        :param image: empty: ``[compute] image_ref``
        """
        clients, where = self.os_primary, {}
        if CONF.livemig_gpu.incompatible_host:
            clients, where = self.os_admin, {"host": self._fitting_host()}
        made = self.create_test_server(
            clients=clients,
            flavor=flavor["id"],
            image_id=image or CONF.compute.image_ref,
            networks="none",
            wait_until="ACTIVE",
            **where,
        )
        # Before the class ends: hosts of a test cloud are small.
        self.addCleanup(
            waiters.wait_for_server_termination,
            clients.servers_client,
            made["id"],
        )
        self.addCleanup(clients.servers_client.delete_server, made["id"])
        self._wait_booted(made["id"])
        return str(made["id"])

    def _wait_booted(self, server_id: str) -> None:
        pattern = CONF.livemig_gpu.booted_pattern
        if not (pattern and CONF.compute_feature_enabled.console_output):
            return
        limit = time.monotonic() + CONF.compute.build_timeout
        while not re.search(pattern, self.console(server_id)):
            self.assertLess(
                time.monotonic(),
                limit,
                "[livemig_gpu] booted_pattern: the console does not show it",
            )
            time.sleep(CONF.compute.build_interval)

    def console(self, server_id: str) -> str:
        """Return what the server has printed."""
        shown = self.admin_servers_client.get_console_output(server_id)
        return str(shown["output"])

    def _fitting_host(self) -> str:
        listed = self.os_admin.services_client.list_services(
            binary="nova-compute"
        )
        hosts = [
            each["host"]
            for each in listed["services"]
            if each["state"] == "up" and each["status"] == "enabled"
        ]
        avoided = CONF.livemig_gpu.incompatible_host
        return str(next(host for host in hosts if host != avoided))

    def busy_server(self, flavor: Any) -> str:
        """Return the id of a server that writes memory all the time."""
        image = CONF.livemig_gpu.busy_image_ref
        if not image:
            raise self.skipException("[livemig_gpu] busy_image_ref is not set")
        return self.server(flavor, image)

    def migrate(
        self, server_id: str, host: str | None = None
    ) -> LiveMigration:
        """Ask for a live migration."""
        return LiveMigration(
            Clients(
                self.admin_servers_client, self.os_admin.migrations_client
            ),
            server_id,
            CONF.livemig_gpu.migration_timeout_s,
            host,
        )

    def record_of(self, migration: LiveMigration) -> Any:
        """Return the driver's record, where Tempest can read it."""
        records = CONF.livemig_gpu.records
        if migration.source not in records:
            raise self.skipException(
                f"[livemig_gpu] records does not name {migration.source}"
            )
        return migration.file(records)

    def assert_moved(self, migration: LiveMigration) -> None:
        """It completed; the server is ACTIVE elsewhere."""
        status = migration.wait_over()
        self.assertEqual("completed", status, migration.reasons())
        self.assertEqual("ACTIVE", migration.status())
        self.assertNotEqual(migration.source, migration.host())
        event = migration.event()
        self.assertEqual("Success", event.result, event)

    def assert_stayed(self, migration: LiveMigration, *words: str) -> None:
        """It did not complete; the server is ACTIVE where it was, and why.

        :param words: what the reason contains
        """
        status = migration.wait_over()
        self.assertNotEqual("completed", status)
        self.assertEqual("ACTIVE", migration.status())
        self.assertEqual(migration.source, migration.host())
        reasons = migration.reasons()
        for word in words:
            self.assertIn(word, reasons)
