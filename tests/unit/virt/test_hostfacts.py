from dataclasses import replace
from types import SimpleNamespace

from nova_livemig_gpu.model import Stun
from nova_livemig_gpu.virt import hostfacts
from tests import builders_facts as build


def test_versions():
    assert hostfacts._version(10_000_002) == "10.0.2"
    assert hostfacts._version(11_003_000) == "11.3.0"
    assert hostfacts._version(None) is None


SETTINGS = hostfacts.Settings("qemu", "none", 25_000, 500, "refuse")


class World:
    """A host that counts who looks at it, and a clock."""

    def __init__(self, stun_of=None):
        self.now_s = 100.0
        self.looks = 0
        connection = SimpleNamespace(
            getCapabilities=lambda: "<capabilities/>",
            getDomainCapabilities=lambda *args: None,
            getVersion=lambda: 10_000_002,
            getLibVersion=lambda: 11_003_000,
        )
        driver = SimpleNamespace(
            _host=SimpleNamespace(get_connection=lambda: connection)
        )
        self.reader = hostfacts.HostFactsReader(
            driver,
            self,
            "1.0",
            34,
            stun_of=stun_of,
            clock=lambda: self.now_s,
        )

    knows_servers = True

    def score(self):
        return 1

    def devices(self):
        self.looks += 1
        return (build.a_gpu(),)

    def active(self):
        return (build.a_vgpu(),)

    def guest_drivers(self):
        return {}


def test_recent_facts_are_read_once():
    world = World()
    first = world.reader.read(SETTINGS)
    world.now_s += hostfacts.KEPT_S
    assert world.reader.recent(SETTINGS) is first
    assert world.looks == 1


def test_recent_facts_grow_old():
    world = World()
    world.reader.recent(SETTINGS)
    world.now_s += hostfacts.KEPT_S + 0.1
    world.reader.recent(SETTINGS)
    assert world.looks == 2


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
