"""The API checks extra specs ``livemig_gpu:*``."""

from tempest.lib import decorators, exceptions

from nova_livemig_gpu.tempest import base

RIGHT = {
    "policy": ("adaptive", "nova", "nova-staircase"),
    "max_downtime_ms": ("10", "2000000"),
    "timeout_s": ("0", "3600"),
    "on_timeout": ("abort", "force_complete", "postcopy", "continue"),
    "not_converging": ("abort", "continue"),
    "postcopy": ("allow", "forbid"),
    "auto_converge": ("allow", "forbid"),
    "bandwidth_mbps": ("0", "10000"),
    "goal": ("fast", "gentle"),
    "postcopy_start": ("as_predicted", "after_first_pass"),
    "bandwidth_law": ("full", "dynamic"),
}
WRONG = {
    "policy": ("none-such", ""),
    "max_downtime_ms": ("9", "2000001", "lots", "1.5", "-1", ""),
    "timeout_s": ("-1", "soon"),
    "on_timeout": ("ABORT", "ignore"),
    "not_converging": ("force_complete", ""),
    "postcopy": ("true",),
    "auto_converge": ("yes",),
    "bandwidth_mbps": ("-1", "10Mbit"),
    "goal": ("quick",),
}


class ExtraSpecsTest(base.LivemigGpuTest):
    """With compute API 2.86 and newer."""

    @decorators.idempotent_id("a0b1c2d3-e4f5-4061-8273-94a5b6c7d806")
    def test_right_values(self) -> None:
        flavor = self.flavor()
        for name, values in RIGHT.items():
            for value in values:
                self.set_specs(flavor, **{name: value})
        listed = self.admin_flavors_client.list_flavor_extra_specs(
            flavor["id"]
        )["extra_specs"]
        wanted = {base.PREFIX + n: v[-1] for n, v in RIGHT.items()}
        self.assertEqual(wanted, listed)

    @decorators.attr(type=["negative"])
    @decorators.idempotent_id("b1c2d3e4-f506-4172-8394-a5b6c7d8e907")
    def test_wrong_values(self) -> None:
        """400, with the value; nothing is set."""
        flavor = self.flavor()
        for name, values in WRONG.items():
            for value in values:
                raised = self.assertRaises(
                    exceptions.BadRequest,
                    self.set_specs,
                    flavor,
                    **{name: value},
                )
                self.assertIn(value, str(raised))
        listed = self.admin_flavors_client.list_flavor_extra_specs(
            flavor["id"]
        )["extra_specs"]
        self.assertEqual({}, listed)

    @decorators.attr(type=["negative"])
    @decorators.idempotent_id("c2d3e4f5-0617-4283-94a5-b6c7d8e9fa08")
    def test_unknown_name(self) -> None:
        raised = self.assertRaises(
            exceptions.BadRequest,
            self.set_specs,
            self.flavor(),
            max_downtime="300",
        )
        self.assertIn("max_downtime", str(raised))
