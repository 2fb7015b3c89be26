"""What users ask for before libvirt has a job for a migration."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from nova_livemig_gpu.virt import stephooks
from nova_livemig_gpu.virt.ahead import Ahead
from nova_livemig_gpu.virt.completed import CompletedStats
from tests.functional.fake_job import FakeJob
from tests.functional.test_steering import SteeringTestBase

#: Where a migration is held: while what it needs is measured, and while
#: hooks do their work before the start.
_MEASURING = (Ahead, "look")
_HOOKS = (stephooks, "planned")


class EarlyRequestTests(SteeringTestBase):
    def migrate(self, server: dict[str, Any]) -> None:
        self.api.post_server_action(
            server["id"],
            {"os-migrateLive": {"host": None, "block_migration": "auto"}},
        )

    def job(self, **kwargs: Any) -> FakeJob:
        job: FakeJob = self.useFixture(FakeJob(self, **kwargs))
        return job

    def url(self, server: dict[str, Any]) -> str:
        url = f"/servers/{server['id']}/migrations"
        (found,) = self.api.api_get(url).body["migrations"]
        return f"{url}/{found['id']}"

    def abort(self, server: dict[str, Any]) -> None:
        self.api.api_delete(self.url(server))

    def force(self, server: dict[str, Any]) -> None:
        self.api.api_post(
            f"{self.url(server)}/action",
            {"force_complete": None},
            check_response_status=[202],
        )

    def status_of(self, server: dict[str, Any]) -> str:
        (found,) = (
            each
            for each in self.api.get_migrations()
            if each["instance_uuid"] == server["id"]
        )
        status: str = found["status"]
        return status

    @contextlib.contextmanager
    def held(self, place: tuple[Any, str]) -> Iterator[threading.Event]:
        """Return what is set when a migration is there; it goes on with the
        end of the block."""
        here, may_go_on = threading.Event(), threading.Event()
        owner, name = place
        real = getattr(owner, name)

        def slow(*args: Any) -> Any:
            here.set()
            assert may_go_on.wait(60)
            return real(*args)

        with mock.patch.object(owner, name, slow):
            try:
                yield here
            finally:
                may_go_on.set()

    def assert_cancelled(self, server: dict[str, Any], job: FakeJob) -> None:
        self.wait_until(lambda: self.status_of(server) == "cancelled")
        self._wait_for_state_change(server, "ACTIVE")
        self.assertEqual("src", self.host_of(server))
        event = self.event(server, "error")
        self.assertIn("aborted on request", event["details"])
        self.assertEqual("cancelled", self.record()["outcome"]["state"])
        driver = self.src.driver
        self.wait_until(lambda: not driver._outbound._departures)
        self.assertEqual({}, driver.active_migrations)
        self.assertEqual(0, driver._steering.running)
        self.assertEqual((), driver._outbound._sharers.running())
        self.assertEqual((), driver._outbound._turns.names())
        self.assertNotIn("Traceback", self.stdlog.logger.output)

    def _aborted(self, place: tuple[Any, str], **specs: str) -> None:
        server, job = self.boot(**specs), self.job()
        with self.held(place) as here:
            self.migrate(server)
            self.assertTrue(here.wait(30))
            self.assertEqual("running", self.status_of(server))
            self.abort(server)
            driver = self.src.driver
            (departure,) = driver._outbound._departures.values()
            self.wait_until(lambda: departure.reason)
        self.assert_cancelled(server, job)
        self.assertFalse(job.called.is_set())

    def test_abort_while_it_is_measured(self) -> None:
        self._aborted(_MEASURING)

    def test_abort_during_hooks(self) -> None:
        self._aborted(_HOOKS)

    def test_abort_during_hooks_with_novas_policy(self) -> None:
        self._aborted(_HOOKS, policy="nova")

    def _aborted_before_a_job(self, **specs: str) -> None:
        server, job = self.boot(**specs), self.job(slow_start=True)
        self.migrate(server)
        self.assertTrue(job.called.wait(30))
        self.abort(server)
        (departure,) = self.src.driver._outbound._departures.values()
        self.wait_until(lambda: departure._abort)
        job.begin()
        self.wait_until(
            lambda: self.status_of(server) in ("cancelled", "failed")
        )
        self._wait_for_state_change(server, "ACTIVE")
        self.assertEqual("src", self.host_of(server))
        self.assertEqual("cancelled", self.record()["outcome"]["state"])

    def test_abort_while_libvirt_sets_the_job_up(self) -> None:
        self._aborted_before_a_job()

    def test_the_same_with_novas_policy(self) -> None:
        self._aborted_before_a_job(policy="nova")

    def _forced(self, place: tuple[Any, str], **specs: str) -> None:
        server, job = self.boot(postcopy="allow", **specs), self.job()
        with self.held(place) as here:
            self.migrate(server)
            self.assertTrue(here.wait(30))
            self.assertEqual("running", self.status_of(server))
            self.force(server)
            (departure,) = self.src.driver._outbound._departures.values()
            self.wait_until(lambda: departure.hurried)
        self.assertTrue(job.postcopy.wait(30))
        job.complete()
        self.wait_until(lambda: self.host_of(server) == "dest")
        self.wait_until(lambda: self.status_of(server) == "completed")

    def test_force_while_it_is_measured(self) -> None:
        self._forced(_MEASURING)

    def test_force_during_hooks(self) -> None:
        self._forced(_HOOKS)

    def test_force_during_hooks_with_novas_policy(self) -> None:
        self.flags(live_migration_permit_post_copy=True, group="libvirt")
        self.restart_compute_service("src")
        self.src = self.computes["src"]
        self._forced(_HOOKS, policy="nova")

    def test_force_where_it_is_left_to_nova(self) -> None:
        """A fault of ours in between; no record and no listener stays."""
        server, job = self.boot(), self.job()
        connection = self.src.driver._host.get_connection()
        kind = type(connection.lookupByUUIDString(server["id"]))
        suspended = threading.Event()
        suspend = kind.suspend

        def noted(domain: Any) -> Any:
            suspended.set()
            return suspend(domain)

        with (
            mock.patch.object(kind, "suspend", noted),
            mock.patch.object(
                stephooks, "planned", side_effect=ZeroDivisionError
            ),
            mock.patch.object(CompletedStats, "close") as closed,
        ):
            with self.held(_MEASURING) as here:
                self.migrate(server)
                self.assertTrue(here.wait(30))
                self.force(server)
                (departure,) = self.src.driver._outbound._departures.values()
                self.wait_until(lambda: departure.hurried)
            self.assertTrue(suspended.wait(30), "paused")
            closed.assert_called_once_with()
        self.assertIn("is left to Nova", self.stdlog.logger.output)
        job.complete()
        self.wait_until(lambda: self.status_of(server) == "completed")
        left = Path(self.state, "records").glob("*.json")
        self.assertEqual([], list(left))

    def test_abort_and_force_together(self) -> None:
        server, job = self.boot(postcopy="allow"), self.job()
        with self.held(_HOOKS) as here:
            self.migrate(server)
            self.assertTrue(here.wait(30))
            self.force(server)
            self.abort(server)
            (departure,) = self.src.driver._outbound._departures.values()
            self.wait_until(lambda: departure.reason)
        self.assert_cancelled(server, job)
        self.assertFalse(job.called.is_set())

    def test_two_aborts(self) -> None:
        server, job = self.boot(), self.job()
        with self.held(_HOOKS) as here:
            self.migrate(server)
            self.assertTrue(here.wait(30))
            self.abort(server)
            self.abort(server)
            (departure,) = self.src.driver._outbound._departures.values()
            self.wait_until(lambda: departure.reason)
        self.assert_cancelled(server, job)

    def test_deleted_while_it_is_measured(self) -> None:
        server, job = self.boot(), self.job()
        with self.held(_MEASURING) as here:
            self.migrate(server)
            self.assertTrue(here.wait(30))
            # A cast is a call in Nova's tests.
            delete = threading.Thread(
                target=self.api.delete_server, args=(server["id"],)
            )
            delete.start()
            (departure,) = self.src.driver._outbound._departures.values()
            self.wait_until(lambda: departure.reason)
            self.assertEqual("the server is deleted", departure.reason)
        delete.join(60)
        self._wait_until_deleted(server)
        self.assertFalse(job.called.is_set())
        self.assertNotIn("Traceback", self.stdlog.logger.output)
        self.assertEqual("cancelled", self.record()["outcome"]["state"])

    def test_a_stop_of_nova_compute(self) -> None:
        """Nothing waits for a start that nobody will make."""
        server, job = self.boot(), self.job()
        with self.held(_MEASURING) as here:
            self.migrate(server)
            self.assertTrue(here.wait(30))
            stop = threading.Thread(target=self.src.driver._outbound.close)
            stop.start()
            (departure,) = self.src.driver._outbound._departures.values()
            self.wait_until(lambda: departure.reason)
        stop.join(30)
        self.assertFalse(stop.is_alive())
        self.assertFalse(job.called.is_set())
        self.wait_until(lambda: self.status_of(server) == "cancelled")
        event = self.event(server, "error")
        self.assertIn("nova-compute on the source stopped", event["details"])
