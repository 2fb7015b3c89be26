"""Servers with a vGPU on Nova's fixtures: flags, budget, queue, mdevs."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import libvirt
from nova import context, objects
from nova.tests.functional.libvirt import test_vgpu

from nova_livemig_gpu.model import Stun
from nova_livemig_gpu.virt.forecast import Forecaster
from nova_livemig_gpu.virt.foreseen import Foreseen
from nova_livemig_gpu.virt.outbound import Outbound
from nova_livemig_gpu.virt.report import EVENT
from nova_livemig_gpu.virt.steering import Steering
from tests.functional.base import OurDriverMixin
from tests.functional.fake_job import FakeJob

_IMAGE = "155d900f-4e14-4e4c-a73d-069cbf4541e6"
_NODE = "nova.tests.fixtures.libvirt.FakeMdevDevice"


class VgpuSteeringTests(OurDriverMixin, test_vgpu.VGPULiveMigrationTests):
    """Two hosts with two GPUs each; our tests only, not those of Nova."""

    def setUp(self) -> None:
        self.flags(max_concurrent_live_migrations=3)
        self.flags(live_migration_permit_post_copy=True, group="libvirt")
        super().setUp()
        self.renewed: list[tuple[str, str]] = []
        for what in ("destroy", "create"):
            patch = mock.patch(
                f"{_NODE}.{what}", self._node(what), create=True
            )
            patch.start()
            self.addCleanup(patch.stop)

    def _node(self, what: str) -> Callable[[Any], None]:
        def call(node: Any, flags: int = 0) -> None:
            self.renewed.append((what, node.XMLDesc(0)))

        return call

    def boot(self, **extra_specs: str) -> dict[str, Any]:
        specs = {
            "resources:VGPU": "1",
            "trait:CUSTOM_NVIDIA_11": "required",
            **{f"livemig_gpu:{k}": v for k, v in extra_specs.items()},
        }
        server: dict[str, Any] = self._create_server(
            image_uuid=_IMAGE,
            flavor_id=self._create_flavor(extra_spec=specs),
            networks="auto",
            host="src",
        )
        return server

    def migrate(self, server: dict[str, Any]) -> None:
        self.api.post_server_action(
            server["id"],
            {"os-migrateLive": {"host": "dest", "block_migration": "auto"}},
        )

    def job(self) -> FakeJob:
        job: FakeJob = self.useFixture(FakeJob(self))
        return job

    def predict(self, stun_ms: float) -> None:
        """Let every server's device be expected to need so long."""

        foreseen = Foreseen(stun=Stun(stun_ms, 2 * stun_ms), why="a test")
        patch = mock.patch.object(
            Forecaster, "_devices", lambda *args: foreseen
        )
        patch.start()
        self.addCleanup(patch.stop)

    def wait_until(self, true: Callable[[], Any]) -> Any:
        for _ in range(200):
            found = true()
            if found:
                return found
            time.sleep(0.1)
        self.fail("waited in vain")

    def records(self) -> list[dict[str, Any]]:
        found = Path(self.state, "records").glob("*.json")
        return [json.loads(path.read_text()) for path in found]

    def host_of(self, server: dict[str, Any]) -> str:
        host: str = self.api.get_server(server["id"])["OS-EXT-SRV-ATTR:host"]
        return host

    def status_of(self, server: dict[str, Any]) -> str:
        newest = max(
            (
                each
                for each in self.api.get_migrations()
                if each["instance_uuid"] == server["id"]
            ),
            key=lambda each: each["id"],
        )
        status: str = newest["status"]
        return status

    def assert_at_home(self, server: dict[str, Any]) -> None:
        self._wait_for_state_change(server, "ACTIVE")
        self.assertEqual("src", self.host_of(server))
        self.assert_mdev_usage(self.dest, 0)

    def test_never_postcopy(self) -> None:
        server = self.boot()
        job = self.job()
        self.migrate(server)
        self.assertTrue(job.started.wait(30))
        self.assertFalse(job.flags & libvirt.VIR_MIGRATE_POSTCOPY)
        # Nova's fake libvirt is too old for these.
        self.assertNotIn("bandwidth.avail.switchover", job.params)
        self.assertNotIn("parallel.connections", job.params)
        self.wait_until(lambda: job.downtimes)
        self.assertEqual([30], job.downtimes)
        job.complete()
        self.wait_until(lambda: self.host_of(server) == "dest")
        (record,) = self.records()
        self.assertEqual("adaptive", record["budget"]["policy"])
        self.assertTrue(record["vfio"])

    def test_over_its_budget_is_refused_before_anything_is_copied(
        self,
    ) -> None:
        self.predict(9000)
        server = self.boot(max_downtime_ms="700", over_budget="refuse")
        job = self.job()
        with self.assertRaisesRegex(Exception, "NoValidHost"):
            self.migrate(server)
        self.assertFalse(job.started.is_set())
        self.assert_at_home(server)
        log = self.stdlog.logger.output
        self.assertIn("is expected to need 9000 ms", log)
        self.assertIn("max_downtime_ms 700", log)

    def test_it_is_judged_again_when_it_begins(self) -> None:
        """What was not known at the first check: rolled back by Nova."""
        server = self.boot(over_budget="refuse")
        job = self.job()
        with mock.patch.object(
            self.src.driver._checks, "check_budget", lambda *args: None
        ):
            self.predict(9000)
            self.migrate(server)
            self.wait_until(lambda: self.status_of(server) == "failed")
        self.assertFalse(job.started.is_set())
        self.assert_at_home(server)
        event = self._wait_for_instance_action_event(
            server, "live-migration", EVENT, "error"
        )
        self.assertIn("9000 ms", event["details"])
        (record,) = self.records()
        self.assertEqual("failed", record["outcome"]["state"])
        self.assertEqual(9000, record["over_budget"]["stun_p50_ms"])

    def test_with_warn_it_goes_and_the_record_shows_it(self) -> None:
        self.predict(9000)
        server = self.boot(over_budget="warn")
        job = self.job()
        self.migrate(server)
        self.assertTrue(job.started.wait(30))
        job.complete()
        self.wait_until(lambda: self.host_of(server) == "dest")
        (record,) = self.records()
        self.assertIn("9000 ms", record["over_budget"]["reason"])

    def test_one_at_a_time_and_one_that_waits_is_aborted(self) -> None:
        first, second = self.boot(), self.boot()
        job = self.job()
        self.migrate(first)
        self.assertTrue(job.started.wait(30))
        self.migrate(second)
        self.wait_until(lambda: self.status_of(second) == "queued")
        self.assertEqual("running", self.status_of(first))
        (found,) = self.api.api_get(
            f"/servers/{second['id']}/migrations"
        ).body["migrations"]
        self.api.api_delete(
            f"/servers/{second['id']}/migrations/{found['id']}"
        )
        self.wait_until(lambda: self.status_of(second) == "cancelled")
        self._wait_for_state_change(second, "ACTIVE")
        self.assertEqual("src", self.host_of(second))
        job.complete()
        self.wait_until(lambda: self.host_of(first) == "dest")

    def two(self) -> tuple[FakeJob, dict[str, Any], dict[str, Any]]:
        """Return the first's job, and the servers; the second waits."""
        first, second = self.boot(), self.boot()
        job = self.job()
        self.migrate(first)
        self.assertTrue(job.started.wait(30))
        self.migrate(second)
        self.wait_until(lambda: self.status_of(second) == "queued")
        # Whatever happens, none waits when the test is over.
        self.addCleanup(self.src.driver._outbound.close)
        self.assertIn(second["id"], self.dest.driver.instance_claimed_mdevs)
        return job, first, second

    def allocated(self, consumer: str) -> list[str]:
        found = self.placement.get(f"/allocations/{consumer}").body
        return sorted(found["allocations"])

    def migration(self, server: dict[str, Any]) -> Any:
        """Return the newest one of a server, of a deleted one as well."""
        admin = context.get_admin_context(read_deleted="yes")
        found = objects.MigrationList.get_by_filters(
            admin, {"instance_uuid": server["id"]}
        )
        return max(found, key=lambda each: each.id)

    def assert_nothing_left(self, server: dict[str, Any]) -> None:
        """Of a deleted server whose migration had not gone."""
        claims = self.dest.driver.instance_claimed_mdevs
        self.wait_until(lambda: server["id"] not in claims)
        migration = self.migration(server)
        self.assertEqual("cancelled", migration.status)
        self.assertEqual([], self.allocated(server["id"]))
        self.assertEqual([], self.allocated(migration.uuid))
        self.assertNotIn(
            server["id"], self.src.manager._waiting_live_migrations
        )
        driver = self.src.driver
        self.assertNotIn(server["id"], driver._outbound._departures)
        log = self.stdlog.logger.output
        for noise in ("Live migration failed", "Traceback"):
            self.assertNotIn(noise, log)

    def test_one_that_waits_is_deleted(self) -> None:
        job, first, second = self.two()
        self.api.delete_server(second["id"])
        self._wait_until_deleted(second)
        self.assert_nothing_left(second)
        job.complete()
        self.wait_until(lambda: self.host_of(first) == "dest")

    def test_one_that_waits_is_gone_when_its_turn_comes(self) -> None:
        """Its deletion did not wait for the rollback."""
        job, first, second = self.two()
        with mock.patch.object(Outbound, "withdraw"):
            self.api.delete_server(second["id"])
            self._wait_until_deleted(second)
        job.complete()
        self.wait_until(lambda: self.host_of(first) == "dest")
        self.wait_until(lambda: self.migration(second).status == "failed")
        migration = self.migration(second)
        self.wait_until(
            lambda: second["id"] not in self.src.driver._outbound._departures
        )
        claims = self.dest.driver.instance_claimed_mdevs
        self.wait_until(lambda: second["id"] not in claims)
        self.assertEqual([], self.allocated(second["id"]))
        self.assertEqual([], self.allocated(migration.uuid))
        self.assertNotIn("Live migration failed", self.stdlog.logger.output)

    def start_again(self) -> None:
        """What a nova-compute does that was killed, as far as we are asked;
        the old one still waits."""
        # Nova's fake domain has no such method.
        with mock.patch(
            "nova.tests.fixtures.libvirt.Domain.state",
            lambda domain, flags=0: [domain._state, 0],
            create=True,
        ):
            self.src.driver._interrupted.close()

    def test_nova_compute_is_killed_while_one_waits(self) -> None:
        job, first, second = self.two()
        before = self.migration(second)
        held = self.allocated(before.uuid)
        self.assertTrue(held)
        self.start_again()
        claims = self.dest.driver.instance_claimed_mdevs
        self.wait_until(lambda: second["id"] not in claims)
        self.assertEqual("error", self.migration(second).status)
        self.assertEqual([], self.allocated(before.uuid))
        self.assertEqual(held, self.allocated(second["id"]))
        event = self._wait_for_instance_action_event(
            second, "live-migration", EVENT, "error"
        )
        self.assertIn("stopped before it went", event["details"])
        self.assertEqual("running", self.status_of(first), "Nova's to end")
        self.src.driver._outbound.close()
        job.complete()
        self.wait_until(lambda: self.host_of(first) == "dest")

    def test_the_same_without_a_record(self) -> None:
        """state_dir is gone, or Nova's own queue was left."""
        with mock.patch.object(Steering, "expect", lambda *args: None):
            job, first, second = self.two()
        self.start_again()
        claims = self.dest.driver.instance_claimed_mdevs
        self.wait_until(lambda: second["id"] not in claims)
        self.assertEqual("error", self.migration(second).status)
        event = self._wait_for_instance_action_event(
            second, "live-migration", EVENT, "error"
        )
        self.assertIn("stopped before it went", event["details"])
        self.src.driver._outbound.close()
        job.complete()
        self.wait_until(lambda: self.host_of(first) == "dest")

    def test_the_next_one_goes_when_the_first_has_failed(self) -> None:
        first, second = self.boot(), self.boot()
        job = self.job()
        self.migrate(first)
        self.assertTrue(job.started.wait(30))
        self.migrate(second)
        self.wait_until(lambda: self.status_of(second) == "queued")
        begun = len(job.downtimes)
        job.fail("internal error: load of migration failed")
        self.wait_until(lambda: self.status_of(first) in ("failed", "error"))
        self.wait_until(
            lambda: self.status_of(second) not in ("queued", "running")
        )
        self.assertGreaterEqual(len(job.downtimes), begun)

    def test_a_failure_leaves_a_clean_device_and_a_running_server(
        self,
    ) -> None:
        server = self.boot()
        job = self.job()
        self.migrate(server)
        self.assertTrue(job.started.wait(30))
        (claimed,) = self.dest.driver.instance_claimed_mdevs[server["id"]]
        job.fail("internal error: load of migration failed")
        self.wait_until(lambda: len(self.renewed) > 1)
        self.assertEqual(
            ["destroy", "create"], [what for what, _ in self.renewed]
        )
        self.assertIn(claimed.replace("-", "_"), self.renewed[0][1])
        self.assertIn(claimed.replace("-", "_"), self.renewed[1][1])
        self.assert_at_home(server)
        self.assertEqual({}, self.dest.driver.instance_claimed_mdevs)
        (record,) = self.records()
        self.assertEqual("running with 1 mdev", record["after_failure"])


for _name in dir(test_vgpu.VGPULiveMigrationTests):
    if _name.startswith("test_"):
        setattr(VgpuSteeringTests, _name, None)
