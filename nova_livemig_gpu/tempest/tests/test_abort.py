"""An operator steps in: abort, force-complete."""

from tempest import config
from tempest.lib import decorators, exceptions

from nova_livemig_gpu.tempest import base

CONF = config.CONF


class InterventionTest(base.MigrationTest):
    """In mid-migration, which a narrow bandwidth makes long."""

    def _slow(self, **specs: object) -> object:
        return self.flavor(
            bandwidth_mbps=CONF.livemig_gpu.slow_bandwidth_mbps,
            postcopy="forbid",
            timeout_s=0,
            **specs,
        )

    @decorators.idempotent_id("5b6c7d8e-9fa0-4b1c-8d3e-4f5061728317")
    def test_abort(self) -> None:
        flavor = self._slow()
        server_id = self.server(flavor)
        migration = self.migrate(server_id)
        migration.wait_running()
        migration.abort()
        self.assert_stayed(migration, "aborted on request")
        self.assertEqual("cancelled", migration.record()["status"])
        self.assertEqual("Error", migration.event().result)
        self.unset_spec(flavor, "bandwidth_mbps")
        self.assert_moved(self.migrate(server_id))

    @decorators.idempotent_id("6c7d8e9f-a0b1-4c2d-9e4f-506172839418")
    def test_force_complete(self) -> None:
        flavor = self._slow()
        migration = self.migrate(self.server(flavor))
        migration.wait_running()
        migration.force_complete()
        self.assert_moved(migration)

    @decorators.idempotent_id("7d8e9fa0-b1c2-4d3e-8f50-6172839405a9")
    def test_abort_with_the_policy_nova(self) -> None:
        """Nova 34 alone would leave the server in ERROR.

        Nova's own monitor knows no bandwidth of a server's: here only a
        busy server makes the migration long. It looks twice a second, and
        calls an abort that was over in between a failure.
        """
        flavor = self.flavor(policy="nova", postcopy="forbid")
        migration = self.migrate(self.busy_server(flavor))
        try:
            migration.wait_running()
        except exceptions.TempestException as exc:
            raise self.skipException(
                f"the hosts are too fast for busy_image_ref: {exc}"
            ) from exc
        migration.abort()
        self.assert_stayed(migration)
        self.assertIn(migration.record()["status"], ("cancelled", "failed"))
