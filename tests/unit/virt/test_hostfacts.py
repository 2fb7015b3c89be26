import os
from dataclasses import replace
from types import SimpleNamespace

import libvirt

from nova_livemig_gpu.model import Stun
from nova_livemig_gpu.virt import hostfacts
from tests import builders_facts as build


def test_versions():
    assert hostfacts._version(10_000_002) == "10.0.2"
    assert hostfacts._version(11_003_000) == "11.3.0"
    assert hostfacts._version(None) is None


SETTINGS = hostfacts.Settings("qemu", "none", 25_000, 500, "refuse")


CAPABILITIES = """
<capabilities>
  <host><cpu><arch>x86_64</arch><model>Haswell</model></cpu></host>
  <guest>
    <os_type>hvm</os_type>
    <arch name='%s'><machine>%s</machine></arch>
  </guest>
</capabilities>
"""


class Libvirt:
    """A connection that can be upgraded, and counts."""

    def __init__(self):
        self.version, self.machine = 10_000_002, "pc-q35-10.0"
        self.reads, self.broken = 0, False

    def getCapabilities(self):
        self.reads += 1
        return CAPABILITIES % (os.uname().machine, self.machine)

    def getDomainCapabilities(self, *args):
        if self.broken:
            raise libvirt.libvirtError("QEMU could not be asked")
        return "<domainCapabilities><domain>qemu</domain></domainCapabilities>"

    def getVersion(self):
        return self.version

    def getLibVersion(self):
        return 11_003_000


class World:
    """A host that counts who looks at it, and a clock."""

    def __init__(self, stun_of=None):
        self.now_s = 100.0
        self.looks = 0
        self.connection = Libvirt()
        driver = SimpleNamespace(
            _host=SimpleNamespace(get_connection=lambda: self.connection)
        )
        self.reader = hostfacts.HostFactsReader(
            driver,
            self,
            "1.0",
            34,
            stun_of=stun_of,
            clock=lambda: self.now_s,
        )

    def score(self):
        return 1

    def devices(self):
        self.looks += 1
        return (build.a_gpu(),)

    def active(self):
        return (build.a_vgpu(),)

    def guest_drivers(self):
        return {}


def test_whoever_needs_the_newest_gets_them():
    world = World()
    for _ in range(3):
        world.reader.read(SETTINGS)
    assert world.looks == 3


def test_the_link_is_read_with_every_look():
    world = World()
    assert world.reader.read(SETTINGS).link_mbps == 25_000
    told = replace(SETTINGS, link_mbps=400)
    assert world.reader.read(told).link_mbps == 400


def test_the_budget_of_this_host_is_told():
    found = World().reader.read(SETTINGS)
    assert (found.max_downtime_ms, found.over_budget) == (500, "refuse")


def test_stuns_are_predicted_with_all_facts():
    def stun_of(server, vgpus, facts):
        assert facts.link_mbps == 25_000 and facts.gpus
        assert [each.server for each in vgpus] == [server]
        return Stun(p50_ms=100, p90_ms=150, learnt_from=5)

    (vgpu,) = World(stun_of).reader.read(SETTINGS).active
    assert vgpu.stun_ms == 150


def test_what_seldom_changes_is_read_once():
    world = World()
    first = world.reader.read(SETTINGS)
    world.now_s += 10 * hostfacts.RETRY_S
    assert world.reader.read(SETTINGS).machine_types == first.machine_types
    assert world.connection.reads == 1
    assert (first.cpu.arch, first.cpu.virt_type) == ("x86_64", "qemu")


def test_an_upgraded_qemu_is_read_again():
    """Without a restart of nova-compute."""
    world = World()
    assert world.reader.read(SETTINGS).machine_types == ("pc-q35-10.0",)
    world.connection.version = 10_001_000
    world.connection.machine = "pc-q35-10.1"
    found = world.reader.read(SETTINGS)
    assert (found.machine_types, found.qemu) == (("pc-q35-10.1",), "10.1.0")


def test_a_restarted_libvirt_is_read_again():
    world = World()
    world.reader.read(SETTINGS)
    world.connection = Libvirt()
    world.reader.read(SETTINGS)
    assert world.connection.reads == 1


def test_what_could_not_be_read_is_tried_again(caplog):
    world = World()
    world.connection.broken = True
    assert world.reader.read(SETTINGS).cpu.virt_type is None
    world.now_s += hostfacts.RETRY_S - 1
    world.reader.read(SETTINGS)
    assert world.connection.reads == 1
    world.now_s += 1
    world.reader.read(SETTINGS)
    assert world.connection.reads == 2
    assert caplog.text.count("domain capabilities") == 1
    world.connection.broken = False
    world.now_s += hostfacts.RETRY_S
    assert world.reader.read(SETTINGS).cpu.virt_type == "qemu"
    world.now_s += hostfacts.RETRY_S
    world.reader.read(SETTINGS)
    assert world.connection.reads == 3
