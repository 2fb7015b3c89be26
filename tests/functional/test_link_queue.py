"""Servers that wait for the link, as users of the API see them."""

import threading
from typing import Any
from unittest import mock

from nova_livemig_gpu.policies.sharing import Demand
from nova_livemig_gpu.virt.ahead import Ahead
from nova_livemig_gpu.virt.outbound import Outbound
from tests.functional.fake_job import FakeJob
from tests.functional.test_steering import SteeringTestBase

#: Of 1000 Mbit/s, which carry 117.5 MB/s: one of these.
LARGE = Demand(70e6)


class LinkQueueTests(SteeringTestBase):
    def setUp(self) -> None:
        self.flags(max_concurrent_live_migrations=3)
        super().setUp()
        self.flags(link_mbps=1000, group="livemig_gpu")
        patch = mock.patch(
            "nova_livemig_gpu.virt.appetite.demand", return_value=LARGE
        )
        self.demand = patch.start()
        self.addCleanup(patch.stop)

    def migrate(self, server: dict[str, Any]) -> None:
        self.api.post_server_action(
            server["id"],
            {"os-migrateLive": {"host": None, "block_migration": "auto"}},
        )

    def status_of(self, server: dict[str, Any]) -> str:
        found = self.api.api_get("/os-migrations").body["migrations"]
        (own,) = (
            each for each in found if each["instance_uuid"] == server["id"]
        )
        status: str = own["status"]
        return status

    def two(self) -> tuple[FakeJob, dict[str, Any], dict[str, Any]]:
        """Return the first's job, and the servers; the second waits."""
        first, second = self.boot(), self.boot()
        job: FakeJob = self.useFixture(FakeJob(self))
        self.migrate(first)
        self.assertTrue(job.started.wait(30))
        self.migrate(second)
        self.wait_until(lambda: self.status_of(second) == "queued")
        # Whatever happens, none waits when the test is over.
        self.addCleanup(self.src.driver._outbound.close)
        return job, first, second

    def test_the_second_goes_after_the_first(self) -> None:
        job, first, second = self.two()
        self.assertEqual("running", self.status_of(first))
        job.complete()
        self.wait_until(lambda: self.host_of(first) == "dest")
        self.wait_until(lambda: self.host_of(second) == "dest")
        self.wait_until(lambda: self.status_of(second) == "completed")
        self.assertEqual(3, self.demand.call_count, "again after the wait")

    def abort(self, server: dict[str, Any]) -> None:
        (found,) = self.api.api_get(
            f"/servers/{server['id']}/migrations"
        ).body["migrations"]
        self.api.api_delete(
            f"/servers/{server['id']}/migrations/{found['id']}"
        )

    def test_one_that_is_aborted_before_it_goes(self) -> None:
        """What it needs is still worked out: libvirt has no job yet."""
        looks, aborted = threading.Event(), threading.Event()
        look, give_up = Ahead.look, Outbound.give_up

        def slow(*args: Any) -> Any:
            looks.set()
            self.assertTrue(aborted.wait(30))
            return look(*args)

        def seen(*args: Any) -> bool:
            found = give_up(*args)
            aborted.set()
            return found

        server = self.boot()
        job: FakeJob = self.useFixture(FakeJob(self))
        with (
            mock.patch.object(Ahead, "look", slow),
            mock.patch.object(Outbound, "give_up", seen),
        ):
            self.migrate(server)
            self.assertTrue(looks.wait(30))
            self.assertEqual("running", self.status_of(server))
            self.abort(server)
            self.wait_until(lambda: self.status_of(server) == "cancelled")
        self._wait_for_state_change(server, "ACTIVE")
        self.assertEqual("src", self.host_of(server))
        self.assertFalse(job.started.is_set())

    def test_one_that_waits_is_aborted(self) -> None:
        job, first, second = self.two()
        self.abort(second)
        self.wait_until(lambda: self.status_of(second) == "cancelled")
        self._wait_for_state_change(second, "ACTIVE")
        self.assertEqual("src", self.host_of(second))
        job.complete()
        self.wait_until(lambda: self.host_of(first) == "dest")

    def test_the_second_goes_when_the_first_has_failed(self) -> None:
        job, first, second = self.two()
        job.fail("internal error: load of migration failed")
        self.wait_until(
            lambda: self.status_of(second) not in ("queued", "running")
        )
        self.assertEqual("src", self.host_of(first))

    def test_one_that_waits_is_deleted(self) -> None:
        job, first, second = self.two()
        self.api.delete_server(second["id"])
        self._wait_until_deleted(second)
        self.assertNotIn("Traceback", self.stdlog.logger.output)
        self.assertEqual({}, self.src.manager._waiting_live_migrations)
        job.complete()
        self.wait_until(lambda: self.host_of(first) == "dest")

    def test_one_that_waits_is_deleted_for_a_while(self) -> None:
        """Nova stops it only, to be restored or deleted in an hour."""
        self.flags(reclaim_instance_interval=3600)
        job, first, second = self.two()
        self.api.delete_server(second["id"])
        self._wait_for_state_change(second, "SOFT_DELETED")
        self.wait_until(lambda: self.status_of(second) == "cancelled")
        self.assertEqual("src", self.host_of(second))
        self.assertNotIn("Traceback", self.stdlog.logger.output)
        job.complete()
        self.wait_until(lambda: self.host_of(first) == "dest")

    def test_nova_compute_stops_while_one_waits(self) -> None:
        job, first, second = self.two()
        self.src.driver._outbound.close()
        self.wait_until(lambda: self.status_of(second) == "cancelled")
        self._wait_for_state_change(second, "ACTIVE")
        self.assertEqual("src", self.host_of(second))
        self.assertEqual("running", self.status_of(first))
        job.complete()
        self.wait_until(lambda: self.host_of(first) == "dest")
