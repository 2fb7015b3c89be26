"""A look at a server through a stand-in for libvirt."""

import libvirt
import pytest

from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.model import ActiveVgpu, GpuDevice, VgpuType
from nova_livemig_gpu.virt import inquiry
from nova_livemig_gpu.virt.inquiry import ServerUnknown

SERVER = "0f0e0d0c-0b0a-4908-8706-050403020100"
KIB_IN_GIB = 2**20
MDEV = "<hostdev type='mdev' mode='subsystem'/>"
TYPE = VgpuType("nvidia-558", "NVIDIA A40-8Q", 8192)
GPU = GpuDevice("0000:3b:00.0", "NVIDIA A40", driver="570.1", types=(TYPE,))


class Domain:
    def __init__(self, devices="", active=True, stats=None):
        self._devices, self._active = devices, active
        self._stats = {"rss": KIB_IN_GIB // 4} if stats is None else stats

    def isActive(self):
        return self._active

    def maxMemory(self):
        return KIB_IN_GIB

    def memoryStats(self):
        return self._stats

    def XMLDesc(self):
        return f"<domain><devices>{self._devices}</devices></domain>"


class Connection:
    def __init__(self, domain):
        self._domain = domain
        self.closed = False

    def lookupByUUIDString(self, server):
        if self._domain is None:
            raise libvirt.libvirtError("Domain not found")
        return self._domain

    def getHostname(self):
        return "one"

    def close(self):
        self.closed = True


class Backend(GpuBackend):
    def __init__(self, *active, gpus=(GPU,)):
        self._active, self._gpus = active, gpus

    def score(self):
        return 1

    def devices(self):
        return self._gpus

    def active(self):
        return self._active


@pytest.fixture
def look(monkeypatch):
    def of(domain, backend=None, server=SERVER):
        connection = Connection(domain)
        monkeypatch.setattr(libvirt, "openReadOnly", lambda uri: connection)
        try:
            return inquiry.look(server, backend or Backend(), 10_000)
        finally:
            assert connection.closed or server != SERVER

    return of


def vgpu(**changes):
    given = {"server": SERVER, "gpu": GPU.address, "type_id": "nvidia-558"}
    return ActiveVgpu(**{**given, **changes})


def test_memory_that_was_touched(look):
    found = look(Domain())
    assert found.host == "one"
    assert found.memory.normal_pages == 65536
    assert found.memory.zero_pages == 196608
    assert not found.vfio and found.vgpus == ()


def test_more_touched_than_there_is(look):
    found = look(Domain(stats={"rss": 2 * KIB_IN_GIB}))
    assert found.memory.zero_pages == 0


def test_unknown_is_the_whole_of_it(look):
    found = look(Domain(stats={}))
    assert found.memory.normal_pages == 262144


def test_framebuffer_in_use(look):
    used = Backend(vgpu(framebuffer_used_bytes=5 * 10**9))
    (use,) = look(Domain(MDEV), used).vgpus
    assert (use.framebuffer_bytes, use.basis) == (5 * 10**9, "nvml")
    assert use.key.gpu == "NVIDIA A40"
    assert use.key.vgpu_type == "NVIDIA A40-8Q"
    assert (use.key.driver, use.key.link_mbps) == ("570.1", 10_000)


def test_the_type_is_an_upper_bound(look):
    (use,) = look(Domain(MDEV), Backend(vgpu())).vgpus
    assert (use.framebuffer_bytes, use.basis) == (8192 * 2**20, "type")


def test_a_type_that_is_unknown(look):
    (use,) = look(Domain(MDEV), Backend(vgpu(type_id="other"))).vgpus
    assert (use.framebuffer_bytes, use.basis) == (None, None)


def test_devices_that_nobody_knows(look):
    found = look(Domain(MDEV * 3), Backend(vgpu()))
    assert found.vfio and found.missing == 2
    assert look(Domain(MDEV), Backend(vgpu(server="other"))).missing == 1
    assert look(Domain(MDEV), Backend(vgpu(gpu="gone"))).missing == 1
    assert look(Domain(MDEV), Backend(vgpu(), gpus=None)).missing == 1


def test_without_a_device_no_backend_is_asked(look):
    assert look(Domain(), Backend(vgpu())).vgpus == ()


@pytest.mark.parametrize(
    ("domain", "server", "reason"),
    [
        (None, SERVER, "Domain not found"),
        (Domain(active=False), SERVER, "not running"),
        (Domain(), "seven", "not a UUID"),
    ],
)
def test_what_cannot_be_looked_at(look, domain, server, reason):
    with pytest.raises(ServerUnknown, match=reason):
        look(domain, server=server)


def test_no_libvirt(monkeypatch):
    def refuse(uri):
        raise libvirt.libvirtError("Failed to connect socket")

    monkeypatch.setattr(libvirt, "openReadOnly", refuse)
    with pytest.raises(ServerUnknown, match="qemu:///system"):
        inquiry.look(SERVER, Backend())
