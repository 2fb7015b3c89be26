"""To and fro between cards that one vGPU fills: stock Nova, and ours.

Nova never removes a mediated device: a card that a server has left is full
with an idle one, which takes the server when it comes back.

python -m unittest tests.functional.test_full_card
"""

import time
from dataclasses import replace
from typing import Any
from unittest import mock

from nova import context as nova_context
from nova import objects
from nova.tests.fixtures import libvirt as fakelibvirt
from nova.tests.functional.libvirt import test_vgpu
from nova.virt.libvirt import driver as libvirt_driver

from nova_livemig_gpu.facts import codec
from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.model import GpuDevice, VgpuKind, VgpuType
from nova_livemig_gpu.virt import service
from nova_livemig_gpu.virt.exact import gpu_address
from tests.functional.base import OurDriverMixin, SurroundingsMixin

_IMAGE = "155d900f-4e14-4e4c-a73d-069cbf4541e6"
_TYPE = "nvidia-11"
_FILTERS = (
    "nova_livemig_gpu.scheduler.cpu_filter.CPUCompatibilityFilter",
    "nova_livemig_gpu.scheduler.vgpu_filter.VGPUCompatibilityFilter",
)
_capable = libvirt_driver.LibvirtDriver._get_mdev_capable_devices
_make = service.make


def _one_each(driver: Any, types: Any = None) -> list[dict[str, Any]]:
    """Each card has room for one, of either type."""
    taken = {each["parent"] for each in driver._get_mediated_devices()}
    devices: list[dict[str, Any]] = _capable(driver, types)
    for device in devices:
        for each in device["types"].values():
            each["availableInstances"] = int(device["dev_id"] not in taken)
    return devices


class Cards(GpuBackend):
    """What the kernel tells of these cards."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def score(self) -> int:
        return 50

    def devices(self) -> list[GpuDevice]:
        return [
            GpuDevice(
                gpu_address(device["dev_id"]),
                "a card",
                VgpuKind.MDEV,
                pci_ids="10de:1b38:10de:11d9",
                driver="570.158.02",
                migratable=True,
                types=tuple(
                    VgpuType(name, name, None, each["availableInstances"])
                    for name, each in device["types"].items()
                ),
            )
            for device in self._driver._get_mdev_capable_devices()
            # the other card has the type, too, but Nova not for it
            if device["dev_id"] == fakelibvirt.MDEVCAP_DEV1_PCI_ADDR
        ]


class FullCardMixin:
    """The test, whoever's driver it is."""

    filters: tuple[str, ...] = ()

    def setUp(self: Any) -> None:
        self._patch(
            "nova_livemig_gpu.virt.driver.service.make",
            lambda driver: replace(_make(driver), gpus=Cards(driver)),
        )
        self.flags(
            available_filters=[
                "nova.scheduler.filters.all_filters",
                *self.filters,
            ],
            enabled_filters=[
                "ComputeFilter",
                *(path.rpartition(".")[2] for path in self.filters),
            ],
            group="filter_scheduler",
        )
        super().setUp()
        # Nova's own set-up wants to see larger cards.
        self._patch(
            "nova.virt.libvirt.driver.LibvirtDriver._get_mdev_capable_devices",
            _one_each,
        )

    def _patch(self: Any, name: str, new: Any) -> None:
        patch = mock.patch(name, new)
        patch.start()
        self.addCleanup(patch.stop)

    def settle(self: Any) -> None:
        """Let Nova know of the room; with our driver, the filters too."""
        self._run_periodics()

    def test_there_back_and_there_again(self: Any) -> None:
        self._run_periodics()
        self.server = self._create_server(
            image_uuid=_IMAGE,
            flavor_id=self.flavor,
            networks="auto",
            host="src",
        )
        for _ in range(3):
            self.settle()
            self._live_migrate(self.server, "completed")
            found = self.api.get_server(self.server["id"])
            self.assertEqual(self.dest.host, found["OS-EXT-SRV-ATTR:host"])
            self.assert_mdev_usage(self.dest, 1)
            self.src, self.dest = self.dest, self.src
        for host in (self.src, self.dest):
            mdevs = host.driver._get_mediated_devices()
            self.assertEqual([_TYPE], [each["type"] for each in mdevs])


class StockTests(
    FullCardMixin, SurroundingsMixin, test_vgpu.VGPULiveMigrationTests
):
    """Nova's driver and filters."""


class OurTests(
    FullCardMixin, OurDriverMixin, test_vgpu.VGPULiveMigrationTests
):
    """Our driver and filters."""

    filters = _FILTERS

    def settle(self) -> None:
        for _ in range(30):
            self._run_periodics()
            used, rooms = self._told(self.src)
            _, there = self._told(self.dest)
            if self.server["id"] in used and (rooms, there) == (0, 1):
                return
            time.sleep(0.1)
        self.fail(f"{self.src.host}: {used} {rooms}, {self.dest.host} {there}")

    def _told(self, host: Any) -> tuple[list[str], int | None]:
        """Return the servers with a vGPU, and the room for another one."""
        context = nova_context.get_admin_context()
        node = objects.ComputeNode.get_first_node_by_host_for_old_compat(
            context, host.host
        )
        facts = codec.decode(node.stats)
        assert facts is not None and facts.gpus is not None
        (room,) = (
            each.room.vgpus
            for each in facts.gpus[0].types
            if each.type_id == _TYPE
        )
        return [each.server for each in facts.active or ()], room


for _name in dir(test_vgpu.VGPULiveMigrationTests):
    if _name.startswith("test_"):
        setattr(StockTests, _name, None)
        setattr(OurTests, _name, None)
