"""The filters and the weigher in Nova's real scheduler, on its fake driver.

python -m testtools.run tests.functional.test_filters
"""

from dataclasses import replace
from typing import Any

from nova import context as nova_context
from nova.tests.functional import integrated_helpers
from nova.virt import fake

from nova_livemig_gpu.facts import codec
from nova_livemig_gpu.model import HostFacts
from nova_livemig_gpu.scheduler import server as servers
from nova_livemig_gpu.scheduler.explain import explain
from tests import builders_facts as builders
from tests.functional.base import paste_config

_PACKAGE = "nova_livemig_gpu.scheduler"
_resources = fake.FakeDriver.get_available_resource


class FilterTests(integrated_helpers.ProviderUsageBaseTestCase):
    """A server with a vGPU on src, and three hosts to choose from."""

    compute_driver = "fake.MediumFakeDriver"
    microversion = "latest"

    def setUp(self) -> None:
        self.facts: dict[str, HostFacts] = {}
        self.flags(api_paste_config=paste_config(), group="wsgi")
        self.flags(
            available_filters=[
                "nova.scheduler.filters.all_filters",
                f"{_PACKAGE}.cpu_filter.CPUCompatibilityFilter",
                f"{_PACKAGE}.vgpu_filter.VGPUCompatibilityFilter",
            ],
            enabled_filters=[
                "ComputeFilter",
                "CPUCompatibilityFilter",
                "VGPUCompatibilityFilter",
            ],
            weight_classes=[f"{_PACKAGE}.cost_weigher.MigrationCostWeigher"],
            group="filter_scheduler",
        )
        # Stricter than NVML, which is not there to be asked.
        self.flags(
            driver_match="equal",
            board_match="part",
            gpu_mode_match="equal",
            group="livemig_gpu",
        )
        super().setUp()
        self.stub_out(
            "nova.virt.fake.FakeDriver.get_available_resource",
            self._published,
        )
        self.lookups = 0
        self._in_its_cell = servers.in_its_cell
        self.stub_out(f"{_PACKAGE}.server.in_its_cell", self._counted)
        for name in ("src", "good", "other-board", "old-cpu"):
            self.facts[name] = builders.a_host()
            self._start_compute(name)
        self.facts["other-board"] = builders.a_host(
            gpus=(builders.a_gpu(name="NVIDIA H200", board="692-2G525"),)
        )
        self.facts["old-cpu"] = builders.a_host(
            cpu=builders.a_cpu(features=builders.FEATURES - {"avx512f"})
        )
        self.server = self._create_server(host="src", networks="none")
        used = (builders.a_vgpu(self.server["id"]),)
        guests = (builders.a_guest(self.server["id"]),)
        self.facts["src"] = builders.a_host(active=used, guests=guests)
        self._run_periodics()

    def _counted(self, context: Any, uuid: str) -> Any:
        self.lookups += 1
        return self._in_its_cell(context, uuid)

    def _published(self, driver: Any, nodename: str) -> dict[str, Any]:
        data: dict[str, Any] = _resources(driver, nodename)
        data.setdefault("stats", {}).update(codec.encode(self.facts[nodename]))
        return data

    def migrate(self, host: str | None = None) -> None:
        self.api.post_server_action(
            self.server["id"],
            {"os-migrateLive": {"host": host, "block_migration": "auto"}},
        )

    def refused(self) -> str:
        """Return what the API says of the refused migration."""
        event = self._wait_for_action_fail_completion(
            self.server, "live-migration", "conductor_live_migrate_instance"
        )
        return str(event["details"])

    def host(self) -> str:
        found = self.api.get_server(self.server["id"])
        return str(found["OS-EXT-SRV-ATTR:host"])

    def test_it_goes_to_the_only_compatible_host(self) -> None:
        self.migrate()
        self._wait_for_migration_status(self.server, ["completed"])
        self.assertEqual("good", self.host())
        self.assertEqual(1, self.lookups)

    def test_of_two_it_goes_where_it_costs_less(self) -> None:
        self.facts["other-board"] = builders.a_host(link_mbps=100_000)
        self._run_periodics()
        self.migrate()
        self._wait_for_migration_status(self.server, ["completed"])
        self.assertEqual("other-board", self.host())
        self.assertEqual(1, self.lookups)

    def test_without_a_compatible_host_the_api_tells_why(self) -> None:
        gpu = builders.a_gpu(driver="580.65.06")
        self.facts["good"] = builders.a_host(gpus=(gpu,))
        self._run_periodics()
        self.migrate()
        told = self.refused()
        codes = "cpu.features 1, vgpu.board 1, vgpu.driver 1. its CPU"
        self.assertIn(codes, told)
        self.assertNotIn("other-board", told)
        logged = self.stdlog.logger.output
        self.assertIn("vgpu.driver: 1 (good), good: ", logged)
        self.assertIn("580.65.06", logged)
        self.assertEqual("src", self.host())

    def test_by_default_a_difference_is_left_to_nvml(self) -> None:
        for option in ("driver_match", "board_match", "gpu_mode_match"):
            self.flags(**{option: "nvml"}, group="livemig_gpu")
        self.migrate("other-board")
        self._wait_for_migration_status(self.server, ["completed"])
        self.assertEqual("other-board", self.host())

    def test_where_all_are_full_nova_decides(self) -> None:
        full = tuple(
            replace(each, creatable=0) for each in builders.a_gpu().types
        )
        gpu = builders.a_gpu(types=full)
        self.facts["good"] = builders.a_host(gpus=(gpu,))
        self._run_periodics()
        self.migrate()
        self._wait_for_migration_status(self.server, ["completed"])
        self.assertEqual("good", self.host())

    def test_a_requested_host_is_checked_as_well(self) -> None:
        self.migrate("other-board")
        self.assertIn("vgpu.board 1. board is", self.refused())

    def test_a_cold_migration_is_none_of_our_business(self) -> None:
        full = tuple(
            replace(each, creatable=0) for each in builders.a_gpu().types
        )
        for name in ("good", "other-board", "old-cpu"):
            gpu = builders.a_gpu(board="another", types=full)
            self.facts[name] = builders.a_host(gpus=(gpu,))
        self._run_periodics()
        self.api.post_server_action(self.server["id"], {"migrate": None})
        self._wait_for_state_change(self.server, "VERIFY_RESIZE")

    def test_a_boot_costs_no_look_up(self) -> None:
        self._create_server(networks="none")
        self.assertEqual(0, self.lookups)

    def test_explain(self) -> None:
        rows = explain(nova_context.get_admin_context(), self.server["id"])
        table = {(row.host, row.filter[:4]): row for row in rows}
        codes = {key: row.code for key, row in table.items()}
        self.assertEqual(
            {
                ("good", "CPUC"): "cpu.ok",
                ("good", "VGPU"): "vgpu.ok",
                ("old-cpu", "CPUC"): "cpu.features",
                ("old-cpu", "VGPU"): "vgpu.ok",
                ("other-board", "CPUC"): "cpu.ok",
                ("other-board", "VGPU"): "vgpu.board",
            },
            codes,
        )
        row = table["other-board", "VGPU"]
        self.assertEqual("refuse", row.verdict)
        self.assertIn("other-board: board is 692-2G525", row.reason)
