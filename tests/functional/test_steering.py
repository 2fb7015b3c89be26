"""Live migrations by our driver, as users of the API see them."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import libvirt
from nova.tests.functional import integrated_helpers
from nova.tests.functional.api import client
from nova.tests.functional.libvirt import base as libvirt_base
from nova.version import version_string

from nova_livemig_gpu import notify
from nova_livemig_gpu.facts import codec
from nova_livemig_gpu.history.entry import Entry
from nova_livemig_gpu.history.store import History
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.virt import releases
from nova_livemig_gpu.virt.driver import LibvirtDriver
from nova_livemig_gpu.virt.report import EVENT
from tests.functional.base import OurDriverMixin
from tests.functional.fake_job import FakeJob

REFUSAL = (
    "internal error: unable to execute QEMU command 'migrate': VFIO "
    "migration is not supported with postcopy migration"
)


class SteeringTestBase(
    OurDriverMixin,
    libvirt_base.ServersTestBase,
    integrated_helpers.InstanceHelperMixin,
):
    """Two hosts, src and dest, and a server on src."""

    microversion = "latest"
    ADMIN_API = True

    def setUp(self) -> None:
        super().setUp()
        self.start_compute(hostname="src")
        self.start_compute(hostname="dest")
        self.src = self.computes["src"]
        self.dest = self.computes["dest"]

    def boot(self, **extra_specs: str) -> dict[str, Any]:
        """Return a new server; extra specs without our namespace."""
        flavor = self._create_flavor(
            extra_spec={
                f"livemig_gpu:{name}": value
                for name, value in extra_specs.items()
            }
        )
        server: dict[str, Any] = self._create_server(
            host="src", networks="none", flavor_id=flavor
        )
        return server

    def start_migration(self, server: dict[str, Any]) -> FakeJob:
        """Start a migration and wait until its job runs."""
        job: FakeJob = self.useFixture(FakeJob(self))
        self.api.post_server_action(
            server["id"],
            {"os-migrateLive": {"host": None, "block_migration": "auto"}},
        )
        self.assertTrue(job.started.wait(30))
        self._wait_for_migration_status(server, ["running"])
        return job

    def wait_until(self, true: Callable[[], Any]) -> None:
        """Wait for something to become true, at most 15 s."""
        for _ in range(150):
            if true():
                return
            time.sleep(0.1)
        self.fail("waited in vain")

    def event(self, server: dict[str, Any], result: str) -> dict[str, Any]:
        """Return our event of the server's newest live-migration action."""
        found: dict[str, Any] = self._wait_for_instance_action_event(
            server, "live-migration", EVENT, result
        )
        return found

    def record(self) -> dict[str, Any]:
        """Return the only migration record of the test."""
        (path,) = Path(self.state, "records").glob("*.json")
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def host_of(self, server: dict[str, Any]) -> str:
        host: str = self.api.get_server(server["id"])["OS-EXT-SRV-ATTR:host"]
        return host


class SuccessTests(SteeringTestBase):
    def test_completes(self) -> None:
        server = self.boot()
        self.start_migration(server).complete()
        self._wait_for_migration_status(server, ["completed"])
        self._wait_for_state_change(server, "ACTIVE")
        self.assertEqual("dest", self.host_of(server))
        self.assertEqual("Success", self.event(server, "success")["result"])
        self.assertEqual("completed", self.record()["outcome"]["state"])

    def test_it_is_our_driver_behind_the_door(self) -> None:
        self.assertIsInstance(self.src.driver, LibvirtDriver)

    def test_settings_of_the_flavor_reach_libvirt(self) -> None:
        server = self.boot(
            max_downtime_ms="40", postcopy="allow", bandwidth_mbps="400"
        )
        job = self.start_migration(server)
        self.wait_until(lambda: job.downtimes)
        job.complete()
        self._wait_for_migration_status(server, ["completed"])
        # Switching over costs 100 ms: half of the budget is kept. It is below
        # the 30 ms of everybody's first passes.
        self.assertEqual([20], job.downtimes)
        self.assertTrue(job.flags & libvirt.VIR_MIGRATE_POSTCOPY)
        self.assertFalse(job.flags & libvirt.VIR_MIGRATE_AUTO_CONVERGE)
        self.assertEqual(48, job.params["bandwidth"])

    def test_without_settings_flags_are_novas(self) -> None:
        server = self.boot()
        job = self.start_migration(server)
        job.complete()
        self._wait_for_migration_status(server, ["completed"])
        self.assertEqual(self.src.driver._live_migration_flags, job.flags)

    def test_progress_is_saved_as_in_nova(self) -> None:
        server = self.boot()
        job = self.start_migration(server)

        def progress() -> Any:
            url = f"/servers/{server['id']}/migrations"
            (found,) = self.api.api_get(url).body["migrations"]
            return found["memory_remaining_bytes"]

        self.wait_until(progress)
        self.assertEqual(2**30, progress())
        job.complete()
        self._wait_for_migration_status(server, ["completed"])

    def test_stats_tell_of_us(self) -> None:
        (node,) = self.src.manager.rt.compute_nodes.values()
        facts = codec.decode(node.stats)
        release = releases.find(version_string()).number
        self.assertEqual(release, facts.nova_release)
        self.assertEqual((0, 0), (facts.migrations_out, facts.migrations_in))
        self.assertEqual(500, facts.max_downtime_ms)

    def test_a_running_migration_is_counted_at_both_ends(self) -> None:
        """By Nova's own records, in the next audit or the one after it."""
        server = self.boot()
        job = self.start_migration(server)

        def counts() -> dict[str, tuple[int | None, int | None]]:
            self._run_periodics()
            result = {}
            for name, compute in self.computes.items():
                (node,) = compute.manager.rt.compute_nodes.values()
                facts = codec.decode(node.stats)
                result[name] = (facts.migrations_out, facts.migrations_in)
            return result

        self.wait_until(lambda: counts() == {"src": (1, 0), "dest": (0, 1)})
        job.complete()
        self._wait_for_migration_status(server, ["completed"])

    def test_notifications_become_audit_events(self) -> None:
        server = self.boot()
        self.start_migration(server).complete()
        self._wait_for_migration_status(server, ["completed"])
        self._wait_for_state_change(server, "ACTIVE")
        sent = self.notifier.versioned_notifications
        events = [
            event
            for each in list(sent)
            if (event := notify.to_event({}, each)) is not None
        ]
        seen = {(event.event, event.phase): event for event in events}
        before = seen["instance.live_migration_pre", "start"]
        self.assertEqual(("src", "dest"), (before.source, before.destination))
        after = seen["instance.live_migration_post", "end"]
        self.assertEqual("completed", after.result)
        self.assertEqual("src", after.source)
        for event in events:
            self.assertEqual(server["id"], event.server)
            self.assertEqual(server["name"], event.server_name)
            self.assertIsNotNone(event.user_id)
            self.assertIsNotNone(event.request_id)


class ForecastTests(SteeringTestBase):
    def migrate(self, **extra_specs: str) -> dict[str, Any]:
        """Return the record of a migration that completed."""
        server = self.boot(**extra_specs)
        self.start_migration(server).complete()
        self._wait_for_migration_status(server, ["completed"])
        self._wait_for_state_change(server, "ACTIVE")
        self.wait_until(lambda: self.record().get("outcome"))
        return self.record()

    def kept(self) -> list[Entry]:
        """Return what the history holds."""
        history = History(Path(self.state, "history.sqlite3"))
        self.addCleanup(history.close)
        return list(history.entries())

    def test_predicted_before_and_kept_after(self) -> None:
        record = self.migrate(bandwidth_mbps="400")
        forecast = record["forecast"]
        # Nova's libvirt fixture cannot measure a dirty rate.
        self.assertIn("idle guest", forecast["why"])
        self.assertTrue(forecast["converges"])
        self.assertEqual("precopy", forecast["mode"])
        # 2 GiB at 50 MB/s
        self.assertAlmostEqual(42, forecast["total_s"], delta=4)
        self.assertEqual(
            {"converges": True, "completed": True},
            {
                key: record["forecast_error"][key]
                for key in ("converges", "completed")
            },
        )
        (entry,) = self.kept()
        self.assertEqual("dest", entry.destination)
        self.assertEqual(record["migration"], entry.migration)
        assert entry.prediction is not None
        self.assertAlmostEqual(
            forecast["total_s"], entry.prediction.total_s, delta=0.01
        )

    def test_what_is_not_known_is_said(self) -> None:
        record = self.migrate()
        self.assertIsNone(record["forecast"])
        self.assertIn("no migration between", record["no_forecast"])
        self.assertEqual(1, len(self.kept()))

    def test_off(self) -> None:
        self.flags(predict="off", group="livemig_gpu")
        record = self.migrate(bandwidth_mbps="400")
        self.assertEqual("predict is off", record["no_forecast"])

    def test_a_fault_of_ours_leaves_the_migration_alone(self) -> None:
        with (
            mock.patch(
                "nova_livemig_gpu.virt.foresight.remember.entry",
                side_effect=ValueError("broken"),
            ),
            mock.patch(
                "nova_livemig_gpu.virt.forecast.Forecaster._foresee",
                side_effect=ValueError("broken"),
            ),
        ):
            record = self.migrate(bandwidth_mbps="400")
        self.assertEqual("completed", record["outcome"]["state"])
        self.assertEqual("ValueError: broken", record["no_forecast"])
        self.assertEqual([], self.kept())


class FailureTests(SteeringTestBase):
    def assert_next_migration_works(self, server: dict[str, Any]) -> None:
        self.start_migration(server).complete()
        self.wait_until(lambda: self.host_of(server) == "dest")
        self._wait_for_state_change(server, "ACTIVE")

    def test_abort(self) -> None:
        server = self.boot()
        self.start_migration(server)
        migration = self._wait_for_migration_status(server, ["running"])
        self.api.api_delete(
            f"/servers/{server['id']}/migrations/{migration['id']}"
        )
        self._wait_for_migration_status(server, ["cancelled"])
        self._wait_for_state_change(server, "ACTIVE")
        self.assertEqual("src", self.host_of(server))
        event = self.event(server, "error")
        self.assertIn("aborted on request", event["details"])
        self.assertEqual("cancelled", self.record()["outcome"]["state"])
        self.assert_next_migration_works(server)

    def test_refused_by_qemu(self) -> None:
        server = self.boot()
        self.start_migration(server).fail(REFUSAL)
        self._wait_for_migration_status(server, ["failed", "error"])
        server = self._wait_for_state_change(server, "ACTIVE")
        self.assertEqual("src", self.host_of(server))
        self.assertIsNone(server["OS-EXT-STS:task_state"])
        self.assertIn(REFUSAL, self.event(server, "error")["details"])
        self.assertEqual("failed", self.record()["outcome"]["state"])
        self.assertIn(REFUSAL, self.record()["outcome"]["reason"])
        self.assert_next_migration_works(server)

    def test_timeout_aborts_with_its_numbers(self) -> None:
        server = self.boot(timeout_s="1", on_timeout="abort")
        self.start_migration(server)
        self._wait_for_migration_status(server, ["cancelled"])
        self._wait_for_state_change(server, "ACTIVE")
        self.assertIn("timeout_s", self.event(server, "error")["details"])
        self.assert_its_user_reads(server, "livemig_gpu:deadline")

    def assert_its_user_reads(self, server: dict[str, Any], name: str) -> None:
        """By Nova's default policy: names and results, no details."""
        self._wait_for_instance_action_event(
            server, "live-migration", name, "error"
        )
        user = self.api_fixture.api
        user.microversion = "latest"
        path = f"/servers/{server['id']}/os-instance-actions"
        (action,) = (
            each
            for each in user.api_get(path).body["instanceActions"]
            if each["action"] == "live-migration"
        )
        path = f"{path}/{action['request_id']}"
        events = user.api_get(path).body["instanceAction"]["events"]
        by_name = {each["event"]: each for each in events}
        for each in (EVENT, name):
            self.assertEqual("Error", by_name[each]["result"])
            self.assertNotIn("details", by_name[each])
            self.assertNotIn("host", by_name[each])

    def test_timeout_switches_to_postcopy(self) -> None:
        server = self.boot(
            timeout_s="1", on_timeout="postcopy", postcopy="allow"
        )
        job = self.start_migration(server)
        self.assertTrue(job.postcopy.wait(30))
        self._wait_for_migration_status(server, ["running (post-copy)"])
        job.complete()
        self._wait_for_migration_status(server, ["completed"])

    def test_force_complete(self) -> None:
        server = self.boot(postcopy="forbid")
        job = self.start_migration(server)
        migration = self._wait_for_migration_status(server, ["running"])
        with mock.patch(
            "nova.virt.libvirt.guest.Guest.pause", autospec=True
        ) as pause:
            self.api.api_post(
                f"/servers/{server['id']}/migrations/{migration['id']}/action",
                {"force_complete": None},
                check_response_status=[202],
            )
            self.wait_until(lambda: pause.called)
        job.complete()
        self._wait_for_migration_status(server, ["completed"])


class FallbackTests(SteeringTestBase):
    def test_a_policy_that_raises(self) -> None:
        server = self.boot()
        with mock.patch.object(
            AdaptivePolicy, "decide", side_effect=ZeroDivisionError("oops")
        ):
            job = self.start_migration(server)
            self._wait_for_log("Nova's own monitor")
        # Nova's staircase begins: its monitor has taken over.
        self.wait_until(lambda: job.downtimes[1:])
        job.complete()
        self._wait_for_migration_status(server, ["completed"])
        self._wait_for_state_change(server, "ACTIVE")
        self.assertEqual("dest", self.host_of(server))
        self.assertIn("ZeroDivisionError: oops", self.record()["fell_back"])

    def test_a_policy_that_raises_and_an_abort(self) -> None:
        server = self.boot()
        with mock.patch.object(
            AdaptivePolicy, "decide", side_effect=ZeroDivisionError("oops")
        ):
            self.start_migration(server)
            self._wait_for_log("Nova's own monitor")
        migration = self._wait_for_migration_status(server, ["running"])
        self.api.api_delete(
            f"/servers/{server['id']}/migrations/{migration['id']}"
        )
        self._wait_for_migration_status(server, ["cancelled", "failed"])
        self._wait_for_state_change(server, "ACTIVE")
        self.assertEqual("src", self.host_of(server))

    def test_a_plan_that_raises(self) -> None:
        server = self.boot()
        with mock.patch.object(
            AdaptivePolicy, "plan", side_effect=ZeroDivisionError("oops")
        ):
            job = self.start_migration(server)
        job.complete()
        self._wait_for_migration_status(server, ["completed"])
        self.assertEqual("dest", self.host_of(server))

    def test_policy_nova_leaves_it_to_nova(self) -> None:
        server = self.boot(policy="nova")
        job = self.start_migration(server)
        self.wait_until(lambda: job.downtimes)
        job.complete()
        self._wait_for_migration_status(server, ["completed"])
        # Nova's staircase: a tenth of 500 ms first.
        self.assertEqual(50, job.downtimes[0])


class ExtraSpecTests(SteeringTestBase):
    def refused(self, **extra_specs: str) -> str:
        error = self.assertRaises(
            client.OpenStackApiException, self.boot, **extra_specs
        )
        self.assertEqual(400, error.response.status_code)
        return str(error.response.text)

    def test_wrong_values_are_refused_with_400(self) -> None:
        # Nova's own words; they do not name the extra spec.
        self.assertIn("'5' is less", self.refused(max_downtime_ms="5"))
        self.assertIn("adaptive", self.refused(policy="no-such-policy"))
        self.assertIn("force_complete", self.refused(on_timeout="explode"))
        self.assertIn("max_downtime", self.refused(max_downtime="500"))

    def test_right_values_are_taken(self) -> None:
        self.boot(
            policy="adaptive",
            max_downtime_ms="300",
            timeout_s="600",
            on_timeout="force_complete",
            postcopy="forbid",
            auto_converge="allow",
            bandwidth_mbps="1000",
            goal="gentle",
        )
