"""Source and destination of a vGPU server with different versions of ours.

The destination reads the source's facts in Nova's records, asks it for the
metadata of the vGPU, and sees Nova's ``migrate_data``. What it does not
understand is unknown to it, and the migration goes as plain Nova's would.
"""

from typing import Any
from unittest import mock

import oslo_messaging
from nova import context as nova_context
from nova import objects
from nova.virt.libvirt import driver as libvirt_driver

from nova_livemig_gpu.facts import codec
from nova_livemig_gpu.model import HostFacts
from nova_livemig_gpu.rpc import messages
from nova_livemig_gpu.rpc.server import Endpoint
from tests import builders_facts as builders
from tests.functional import test_vgpu_steering as base

LATER = 99


class VersionsTests(base.VgpuSteeringTests):
    """The source is of another version; our tests only."""

    def tell(self, host: str, stats: dict[str, str]) -> None:
        """Let Nova's records have these strings of a host."""
        context = nova_context.get_admin_context()
        node = objects.ComputeNode.get_by_host_and_nodename(
            context, host, host
        )
        node.stats = {**node.stats, **stats}
        node.save()

    def facts(self) -> HostFacts:
        """What the source has told of itself, with a vGPU in use."""
        (node,) = self.src.manager.rt.compute_nodes.values()
        found = codec.decode(node.stats)
        assert found is not None
        return found

    def patch(self, where: Any, name: str, by: Any) -> None:
        patch = mock.patch.object(where, name, by)
        patch.start()
        self.addCleanup(patch.stop)

    def moves(self) -> str:
        """A server goes to dest, steered; return what the log says."""
        server = self.boot()
        job = self.job()
        self.migrate(server)
        self.assertTrue(job.started.wait(30))
        job.complete()
        self.wait_until(lambda: self.host_of(server) == "dest")
        self._wait_for_state_change(server, "ACTIVE")
        self.assert_mdev_usage(self.dest, 1)
        outcome = self.wait_until(lambda: self.records()[0]["outcome"])
        self.assertEqual("completed", outcome["state"])
        log: str = self.stdlog.logger.output
        self.assertNotIn("A check of this package failed", log)
        return log

    def test_facts_of_a_later_version(self) -> None:
        stats = builders.as_version(str(LATER), self.facts())
        self.assertIsNone(codec.decode(stats))
        self.tell("src", stats)
        self.assertIn("It is not known whether the vGPU", self.moves())

    def test_facts_of_version_1(self) -> None:
        stats = builders.as_version_1(self.facts())
        self.assertIsNotNone(codec.decode(stats))
        self.tell("src", stats)
        self.moves()

    def test_facts_that_are_cut(self) -> None:
        stats = codec.encode(self.facts())
        self.tell("src", {key: text[:-9] for key, text in stats.items()})
        self.moves()

    def test_an_answer_of_a_later_version(self) -> None:
        answer = {"v": LATER, "vgpus": [{"metadata": "…"}]}
        self.patch(messages, "encode", lambda blobs: answer)
        self.patch(messages, "unknown", lambda why: answer)
        self.assertIn("the answer is of another version", self.moves())

    def test_a_source_that_answers_later_questions_alone(self) -> None:
        target = oslo_messaging.Target(version=f"{LATER}.0")
        self.patch(Endpoint, "target", target)
        self.assertIn("UnsupportedVersion", self.moves())

    def test_nothing_of_ours_is_in_migrate_data(self) -> None:
        """Whatever version: Nova's object crosses as Nova made it."""
        stock = libvirt_driver.LibvirtDriver
        ours = type(self.dest.driver)
        seen: dict[str, list[Any]] = {"nova": [], "ours": []}
        for name in (
            "check_can_live_migrate_destination",
            "check_can_live_migrate_source",
            "check_source_migrate_data_at_dest",
        ):
            for who, driver in (("nova", stock), ("ours", ours)):
                self.patch(driver, name, _noted(driver, name, seen[who]))
        self.moves()
        self.assertEqual(3, len(seen["nova"]))
        self.assertEqual(seen["nova"], seen["ours"])


def _noted(driver: Any, name: str, seen: list[Any]) -> Any:
    """A method of a driver that notes what it returns, as it is then."""
    method = getattr(driver, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        data = method(*args, **kwargs)
        seen.append(data.obj_to_primitive())
        return data

    return call


for _name in dir(base.VgpuSteeringTests):
    if _name.startswith("test_"):
        setattr(VersionsTests, _name, None)
