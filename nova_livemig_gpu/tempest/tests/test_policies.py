"""Live migrations by policy, set per flavor."""

from tempest.lib import decorators

from nova_livemig_gpu.tempest import base


class PoliciesTest(base.MigrationTest):
    """Whatever steers, the server gets there, and its action tells so."""

    def _moves(self, policy: str) -> None:
        flavor = self.flavor(policy=policy)
        migration = self.migrate(self.server(flavor))
        self.assert_moved(migration)

    @decorators.idempotent_id("0d2e9f4c-8f0b-4d4e-9a55-6f1f3b6f7a01")
    def test_adaptive(self) -> None:
        self._moves("adaptive")

    @decorators.idempotent_id("5b5a8a1e-4f0c-4a7b-8c5e-0a3d2f1c9b02")
    def test_nova(self) -> None:
        self._moves("nova")

    @decorators.idempotent_id("9c1f6d7e-2b3a-4c5d-8e9f-7a6b5c4d3e03")
    def test_nova_staircase(self) -> None:
        self._moves("nova-staircase")

    @decorators.idempotent_id("3e8d7c6b-5a49-4382-b1c0-d9e8f7a6b504")
    def test_to_a_host(self) -> None:
        """The scheduler is only asked whether."""
        server_id = self.server(self.flavor())
        there = self.get_host_other_than(server_id)
        migration = self.migrate(server_id, there)
        self.assert_moved(migration)
        self.assertEqual(there, migration.host())

    @decorators.idempotent_id("71a2b3c4-d5e6-4f70-8192-a3b4c5d6e705")
    def test_changed_flavor(self) -> None:
        """What a flavor says counts for servers that exist."""
        flavor = self.flavor()
        server_id = self.server(flavor)
        self.set_specs(flavor, policy="nova", max_downtime_ms=1234)
        migration = self.migrate(server_id)
        self.assert_moved(migration)
        budget = self.record_of(migration)["budget"]
        self.assertEqual("nova", budget["policy"])
        self.assertEqual(1234, budget["max_downtime_ms"])
        self.assertEqual("flavor", budget["sources"]["max_downtime_ms"])
