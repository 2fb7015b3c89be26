from dataclasses import replace
from types import SimpleNamespace

from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.gpu.sysfs import SysfsBackend
from nova_livemig_gpu.model import ActiveVgpu, Stun
from nova_livemig_gpu.virt import exact, hostfacts
from tests import builders_facts as build
from tests.unit.gpu.kernel import Kernel

DEVICES = [
    {"uuid": "m1", "parent": "pci_0000_41_00_0", "type": "nvidia-558"},
    {"uuid": "m2", "parent": "mtty_mtty", "type": "mtty-1"},
]
USED = (ActiveVgpu("s1", "0000:41:00.0", "nvidia-558"),)


class Backend(GpuBackend):
    def __init__(self, active, knows):
        self._active = active
        self.knows_servers = knows

    def score(self):
        return 1

    def devices(self):
        return ()

    def active(self):
        return self._active


def active(found, knows):
    driver = SimpleNamespace(
        _get_all_assigned_mediated_devices=lambda: {"m1": "s1"},
        _get_mediated_devices=lambda: DEVICES,
    )
    return hostfacts._WithNova(Backend(found, knows), driver).active()


def test_nova_tells_where_a_backend_cannot_know():
    assert active(None, knows=False) == USED


def test_a_backend_that_hangs_is_unknown_not_empty():
    assert active(None, knows=True) is None


def test_what_a_backend_knows_counts():
    assert active((), knows=True) == ()


def test_a_vgpu_of_mtty_is_on_the_gpu_that_sysfs_tells_of(
    tmp_path, monkeypatch
):
    """Or nobody would know what the server has."""
    kernel = Kernel(tmp_path / "sys")
    kernel.mdev_type("mtty", "mtty-1", "Single port serial", "23")
    monkeypatch.setattr(
        hostfacts,
        "gpu_address",
        lambda parent: exact.gpu_address(parent, str(kernel.root)),
    )
    (gpu,) = SysfsBackend(kernel.root).devices()
    (vgpu,) = hostfacts.assigned({"m2": "s2"}, DEVICES)
    assert (vgpu.gpu, vgpu.type_id) == (gpu.address, gpu.types[0].type_id)


def test_versions():
    assert hostfacts._version(10_000_002) == "10.0.2"
    assert hostfacts._version(11_003_000) == "11.3.0"
    assert hostfacts._version(None) is None


SETTINGS = hostfacts.Settings("qemu", "none", "192.0.2.7", None, 500, "refuse")


class World:
    """A host that counts who looks at it, and a clock."""

    def __init__(self, stun_of=None, link=None):
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
            link=link or SimpleNamespace(speed_mbps=lambda address: 25_000),
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


def test_the_link_is_what_the_option_says_or_the_kernel():
    world = World()
    assert world.reader.read(SETTINGS).link_mbps == 25_000
    told = replace(SETTINGS, link_mbps=400)
    assert world.reader.read(told).link_mbps == 400


def test_a_link_that_cannot_be_read_is_unknown(caplog):
    def fail(address):
        raise RuntimeError("no interfaces")

    world = World(link=SimpleNamespace(speed_mbps=fail))
    assert world.reader.read(SETTINGS).link_mbps is None
    assert "no interfaces" in caplog.text


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
