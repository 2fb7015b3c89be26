"""Budgets are kept: of downtime, of time."""

from tempest import config
from tempest.lib import decorators

from nova_livemig_gpu.tempest import base

CONF = config.CONF
#: Less than a busy server writes: its migration cannot converge.
TOO_NARROW_MBPS = 64
#: What it cannot do with.
NO_WAY_OUT = {"postcopy": "forbid", "auto_converge": "forbid"}


class BudgetTest(base.MigrationTest):
    """The pause, and what becomes of one that cannot be kept."""

    @decorators.idempotent_id("06172839-4a5b-46c7-98e9-fa0b1c2d3e12")
    def test_downtime(self) -> None:
        limit_ms = CONF.livemig_gpu.max_downtime_ms
        flavor = self.flavor(max_downtime_ms=limit_ms)
        migration = self.migrate(self.server(flavor))
        self.assert_moved(migration)
        record = self.record_of(migration)
        self.assertEqual(limit_ms, record["budget"]["max_downtime_ms"])
        downtime_ms = record["outcome"]["downtime_ms"]
        self.assertIsNotNone(downtime_ms)
        self.assertLessEqual(downtime_ms, limit_ms)

    @decorators.idempotent_id("17283940-5b6c-47d8-89fa-0b1c2d3e4f13")
    def test_downtime_of_a_busy_server(self) -> None:
        """By post-copy, where pre-copy alone would not get there."""
        if not CONF.livemig_gpu.postcopy:
            raise self.skipException("[livemig_gpu] postcopy is False")
        limit_ms = CONF.livemig_gpu.max_downtime_ms
        flavor = self.flavor(max_downtime_ms=limit_ms, postcopy="allow")
        migration = self.migrate(self.busy_server(flavor))
        self.assert_moved(migration)
        record = self.record_of(migration)
        self.assertLessEqual(record["outcome"]["downtime_ms"], limit_ms)

    @decorators.idempotent_id("28394a5b-6c7d-48e9-9a0b-1c2d3e4f5014")
    def test_given_up(self) -> None:
        """A pause that cannot be kept is not made; the numbers are told."""
        flavor = self.flavor(
            max_downtime_ms=10,
            bandwidth_mbps=TOO_NARROW_MBPS,
            timeout_s=CONF.livemig_gpu.migration_timeout_s,
            on_timeout="abort",
            **NO_WAY_OUT,
        )
        migration = self.migrate(self.busy_server(flavor))
        self.assert_stayed(migration, "ms")
        self.assertEqual("Error", migration.event().result)

    @decorators.idempotent_id("394a5b6c-7d8e-49fa-8b1c-2d3e4f506115")
    def test_timeout_aborts(self) -> None:
        flavor = self.flavor(
            bandwidth_mbps=CONF.livemig_gpu.slow_bandwidth_mbps,
            timeout_s=4,
            on_timeout="abort",
            **NO_WAY_OUT,
        )
        migration = self.migrate(self.server(flavor))
        self.assert_stayed(migration, "4 s")
        self.assertEqual("Error", migration.event().result)

    @decorators.idempotent_id("4a5b6c7d-8e9f-4a0b-9c2d-3e4f50617216")
    def test_timeout_forces(self) -> None:
        """The server is paused, so that what is left gets across."""
        flavor = self.flavor(
            bandwidth_mbps=TOO_NARROW_MBPS,
            max_downtime_ms=10,
            timeout_s=4,
            on_timeout="force_complete",
            **NO_WAY_OUT,
        )
        migration = self.migrate(self.busy_server(flavor))
        self.assert_moved(migration)
        outcome = self.record_of(migration)["outcome"]
        self.assertTrue(outcome["forced"])
