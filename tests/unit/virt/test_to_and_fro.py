"""A server leaves a card that its vGPU fills, and comes back.

From sysfs and what libvirt tells, through the strings of the compute node, to
the filter and the destination's check. Nova never removes a mediated device,
and a function keeps its type. No host has NVML, and one has a newer driver.
"""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.facts import codec, collect
from nova_livemig_gpu.gpu.sysfs import SysfsBackend
from nova_livemig_gpu.scheduler.verdict import Treatment, treat
from nova_livemig_gpu.scheduler.vgpu_filter import VGPUCompatibilityFilter
from nova_livemig_gpu.virt import precheck
from nova_livemig_gpu.virt.assigned import WithNova
from tests import builders_facts as build
from tests.unit.gpu.kernel import Kernel
from tests.unit.virt.test_assigned import Driver, guest, mdev

CARD, VF = "0000:41:00.0", "0000:41:00.4"
TYPE = "nvidia-286"


@dataclass
class Host:
    """A host with one card.

    :ivar version: of the GPU driver
    :ivar mdevs: UUIDs of the mediated devices on it
    :ivar server: whether our server is here
    """

    root: Path
    version: str
    mdevs: list[str] = field(default_factory=list)
    server: bool = False

    def facts(self):
        """As they are published, and read by others."""
        kernel = self.sysfs()
        kernel.write("module/nvidia/version", self.version)
        backend = SysfsBackend(kernel.root)
        told = collect.collect("1.0", 34, WithNova(backend, self.driver()))
        found = codec.decode(codec.encode(told))
        assert found is not None
        return found


class MdevHost(Host):
    """A P40 and the type that takes half of it, limited to one."""

    def sysfs(self):
        kernel = Kernel(self.root)
        kernel.pci(CARD, "10de:1b38:10de:11d9")
        kernel.mdev_type(
            CARD,
            TYPE,
            "GRID P40-12C",
            "0" if self.mdevs else "1",
            "num_heads=1, framebuffer=12288M, max_instance=2",
        )
        for uuid in self.mdevs:
            kernel.mdev(CARD, uuid)
        return kernel

    def driver(self):
        mdevs = [mdev(uuid, TYPE) for uuid in self.mdevs]
        owners = {self.mdevs[0]: build.SERVER} if self.server else {}
        return Driver(mdevs, owners, enabled=TYPE)

    def arrive(self):
        self.mdevs = self.mdevs or [f"mdev-{self.root.name}"]
        self.server = True


class VfHost(Host):
    """A function whose type was written in advance, as Nova wants it."""

    def sysfs(self):
        kernel = Kernel(self.root)
        if not (self.root / "bus").exists():
            kernel.pci(CARD, "10de:2bb5:10de:204e")
            kernel.vf(VF, CARD, "1519", "")
        return kernel

    def driver(self):
        return Driver(guests=[guest(build.SERVER, VF)] if self.server else [])

    def arrive(self):
        self.server = True


def server():
    device = SimpleNamespace(vendor_id="10de")
    return SimpleNamespace(
        uuid=build.SERVER,
        host="source",
        node="source",
        flavor=SimpleNamespace(
            extra_specs={"resources:VGPU": "1"}, memory_mb=512
        ),
        pci_devices=[device],
        vcpu_model=None,
        system_metadata={},
    )


@pytest.mark.parametrize("kind", [MdevHost, VfHost])
def test_there_back_and_there_again(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(precheck.options, "rules", Rules)
    here = kind(tmp_path / "a", "570.158.02")
    there = kind(tmp_path / "b", "570.172.08")
    here.arrive()
    for _ in range(4):
        source, target = here.facts(), there.facts()
        needs = precheck.needs(server(), codec.encode(source))
        assert needs.vgpus is not None and needs.vgpus[0].count == 1
        judge = VGPUCompatibilityFilter().judge(needs, Rules())
        (verdict,) = judge(build.table(target))
        assert treat(verdict, Rules()) is not Treatment.REFUSE
        assert verdict.code == "vgpu.driver_differs"
        precheck.check(server(), needs, target)
        # and the one that it is on is full
        (verdict,) = judge(build.table(source))
        assert verdict.code == "vgpu.full"
        here.server = False
        there.arrive()
        here, there = there, here
