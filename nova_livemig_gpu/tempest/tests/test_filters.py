"""The filters refuse a host that a server cannot live on."""

from tempest import config
from tempest.lib import decorators

from nova_livemig_gpu.tempest import base

CONF = config.CONF


class FiltersTest(base.MigrationTest):
    """With a host that is known to be refused."""

    @classmethod
    def skip_checks(cls) -> None:
        super().skip_checks()
        if not CONF.livemig_gpu.filters:
            raise cls.skipException("[livemig_gpu] filters is False")
        if not CONF.livemig_gpu.incompatible_host:
            raise cls.skipException(
                "[livemig_gpu] incompatible_host is not set"
            )

    @decorators.attr(type=["negative"])
    @decorators.idempotent_id("d3e4f506-1728-4394-a5b6-c7d8e9fa0b09")
    def test_refused_with_the_reason(self) -> None:
        """Asked for by name: refused, and the owner is told why without
        being told of hosts."""
        server_id = self.server(self.flavor())
        host = CONF.livemig_gpu.incompatible_host
        migration = self.migrate(server_id, host)
        self.assert_stayed(
            migration,
            "Hosts refused",
            CONF.livemig_gpu.incompatible_code,
        )
        self.assertNotIn(host, migration.reasons())

    @decorators.idempotent_id("e4f50617-2839-44a5-b6c7-d8e9fa0b1c10")
    def test_another_is_chosen(self) -> None:
        """Of all hosts the scheduler takes one that fits."""
        migration = self.migrate(self.server(self.flavor()))
        self.assert_moved(migration)
        self.assertNotEqual(
            CONF.livemig_gpu.incompatible_host, migration.host()
        )

    @decorators.idempotent_id("f5061728-394a-45b6-87d8-e9fa0b1c2d11")
    def test_again_after_a_refusal(self) -> None:
        """A refusal leaves nothing behind."""
        server_id = self.server(self.flavor())
        refused = self.migrate(server_id, CONF.livemig_gpu.incompatible_host)
        self.assert_stayed(refused)
        self.assert_moved(self.migrate(server_id))
