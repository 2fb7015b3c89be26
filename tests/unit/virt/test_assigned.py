"""Which server has which vGPU, and which are idle: what Nova adds."""

from types import SimpleNamespace

import libvirt
import pytest

from nova_livemig_gpu.facts import collect
from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.gpu.sysfs import SysfsBackend
from nova_livemig_gpu.model import ActiveVgpu, VgpuKind
from nova_livemig_gpu.virt import assigned, exact
from nova_livemig_gpu.virt.assigned import WithNova
from tests import builders_facts as build
from tests.unit.gpu.kernel import Kernel

PF = "0000:41:00.0"
VF1, VF2, VF3 = (f"0000:41:00.{number}" for number in (4, 5, 6))
FULL = (build.a_type(1, creatable=0), build.a_type(2, creatable=0))


class Backend(GpuBackend):
    def __init__(self, active=None, gpus=()):
        self._active = active
        self._gpus = gpus

    def score(self):
        return 1

    def devices(self):
        return self._gpus

    def active(self):
        return self._active


def mdev(uuid, type_id="nvidia-1", parent="pci_0000_41_00_0"):
    return {"uuid": uuid, "parent": parent, "type": type_id}


class Driver:
    """What is asked of Nova's driver; counts the looks at all servers."""

    def __init__(self, mdevs=(), owners=None, enabled="nvidia-1", guests=()):
        self._mdevs = mdevs
        self._owners = owners or {}
        self._enabled = enabled
        self._guests = guests
        self.looks = 0
        self._host = SimpleNamespace(list_guests=self._list_guests)

    def _get_mediated_devices(self, types=None):
        return list(self._mdevs)

    def _get_all_assigned_mediated_devices(self, instance=None):
        self.looks += 1
        return self._owners

    def _get_vgpu_type_per_pgpu(self, device_address):
        return self._enabled

    def _list_guests(self, only_running=True):
        assert not only_running, "one that is shut off keeps its device"
        self.looks += 1
        return self._guests


def of_mdevs(**changes):
    return build.a_gpu(PF, types=FULL, **changes)


def idle(backend, driver):
    """Return type -> how many are idle, of the first GPU."""
    (gpu, *_) = WithNova(backend, driver).devices()
    return {each.type_id: each.idle for each in gpu.types}


def test_nova_tells_where_a_backend_cannot_know():
    backend = Backend(gpus=(of_mdevs(),))
    driver = Driver([mdev("m1"), mdev("m2")], {"m1": "s1"})
    (vgpu,) = WithNova(backend, driver).active()
    assert vgpu == ActiveVgpu("s1", PF, "nvidia-1")


def test_of_a_backend_that_hangs_the_gpus_are_unknown_not_empty():
    """Nova still tells which server has which mdev."""
    both = WithNova(Backend(gpus=None), Driver([mdev("m1")], {"m1": "s1"}))
    assert both.devices() is None
    assert [each.server for each in both.active()] == ["s1"]


def test_what_a_backend_knows_counts():
    backend = Backend((), gpus=(of_mdevs(),))
    driver = Driver([mdev("m1")], {"m1": "s1"})
    assert WithNova(backend, driver).active() == ()


@pytest.mark.parametrize("knows", [True, False])
def test_an_mdev_that_no_server_has_is_idle(knows):
    """With NVML and without: NVML knows no vGPU before its server runs."""
    backend = Backend(() if knows else None, (of_mdevs(),))
    driver = Driver([mdev("m1"), mdev("m2")], {"m1": "s1"})
    assert idle(backend, driver) == {"nvidia-1": 1, "nvidia-2": 0}


def test_what_is_claimed_for_an_incoming_server_is_not_idle():
    """Nova tells of it among the assigned."""
    driver = Driver([mdev("m1")], {"m1": "incoming"})
    assert idle(Backend(gpus=(of_mdevs(),)), driver)["nvidia-1"] == 0


@pytest.mark.parametrize(
    ("enabled", "types", "told"),
    [
        ("nvidia-1", ["nvidia-1", "nvidia-2"], {"nvidia-1": 1, "nvidia-2": 0}),
        ("nvidia-2", ["nvidia-1", "nvidia-2"], {"nvidia-1": 0, "nvidia-2": 1}),
        # enabled_mdev_types has none for this parent
        (None, ["nvidia-1"], {"nvidia-1": 0, "nvidia-2": 0}),
    ],
)
def test_idle_is_what_nova_would_give_away(enabled, types, told):
    mdevs = [mdev(f"m{n}", each) for n, each in enumerate(types)]
    driver = Driver(mdevs, enabled=enabled)
    assert idle(Backend(gpus=(of_mdevs(),)), driver) == told


def test_each_gpu_has_its_own(monkeypatch):
    second = build.a_gpu("0000:42:00.0", types=FULL)
    driver = Driver([mdev("m1", parent="pci_0000_42_00_0")])
    both = WithNova(Backend(gpus=(of_mdevs(), second)), driver)
    assert [gpu.types[0].idle for gpu in both.devices()] == [0, 1]


def test_a_parent_for_each_virtual_function(monkeypatch):
    """Mediated devices on SR-IOV functions, one each: idle on their GPU."""
    parents = {"pci_0000_41_00_4": PF, "pci_0000_41_00_5": PF}
    monkeypatch.setattr(assigned, "gpu_address", parents.__getitem__)
    mdevs = [mdev(parent, parent=parent) for parent in parents]
    driver = Driver(mdevs, {"pci_0000_41_00_4": "s1"})
    assert idle(Backend(gpus=(of_mdevs(),)), driver)["nvidia-1"] == 1


def test_where_libvirt_does_not_answer_the_room_is_unknown(caplog):
    """And not full."""

    def broken(types=None):
        raise libvirt.libvirtError("gone")

    driver = Driver()
    driver._get_mediated_devices = broken
    gpus = WithNova(Backend(gpus=(of_mdevs(),)), driver).devices()
    assert [each.room.vgpus for each in gpus[0].types] == [None, None]
    assert "idle vGPUs of this host are unknown: gone" in caplog.text


def test_nothing_is_asked_where_there_is_nothing():
    """An audit of a host without vGPUs, or without mdevs, costs nothing."""
    driver = Driver()
    driver._get_mediated_devices = None
    for gpus in ((), (build.a_gpu(kind=None, types=()),)):
        WithNova(Backend(active=(), gpus=gpus), driver).devices()
    driver = Driver()
    backend = Backend(gpus=(of_mdevs(),))
    both = WithNova(backend, driver)
    assert (both.devices()[0].types, both.active()) == (FULL, ())
    assert driver.looks == 0


def test_both_questions_cost_one_look():
    driver = Driver([mdev("m1")])
    both = WithNova(Backend(gpus=(of_mdevs(),)), driver)
    both.devices()
    both.active()
    assert driver.looks == 1


def guest(uuid, *addresses):
    """A domain with passed-through functions."""

    def xml():
        if not addresses:
            error = libvirt.libvirtError("gone")
            error.err = (libvirt.VIR_ERR_NO_DOMAIN,)
            raise error
        rows = "".join(
            "<hostdev mode='subsystem' type='pci' managed='no'><source>"
            f"<address domain='0x{address[:4]}' bus='0x{address[5:7]}' "
            f"slot='0x{address[8:10]}' function='0x{address[11:]}'/>"
            "</source></hostdev>"
            for address in addresses
        )
        return f"<domain><devices>{rows}</devices></domain>"

    return SimpleNamespace(uuid=uuid, get_xml_desc=xml)


@pytest.fixture
def vfs(tmp_path):
    """A GPU whose functions have been given types beforehand, as Nova needs
    it; no libnvidia-ml."""
    kernel = Kernel(tmp_path / "sys")
    kernel.pci(PF)
    kernel.vf(VF1, PF, "1519", "")
    kernel.vf(VF2, PF, "1519", "")
    kernel.vf(VF3, PF, "1521", "")
    return SysfsBackend(kernel.root)


def test_a_function_with_a_type_and_no_server_is_idle(vfs):
    driver = Driver(guests=[guest("s1", VF1)])
    assert idle(vfs, driver) == {"1519": 1, "1521": 1}


def test_the_type_of_a_servers_function_is_known_without_nvml(vfs):
    """Nova-compute in a container: or no host is ever left."""
    others = guest("s2", "0000:99:00.1", VF3)
    driver = Driver(guests=[guest("s1", VF1), others])
    facts = collect.collect("1.0", 34, WithNova(vfs, driver))
    assert facts.active == (
        ActiveVgpu("s1", PF, "1519"),
        ActiveVgpu("s2", PF, "1521"),
    )
    assert facts.gpus[0].kind is VgpuKind.VF
    rooms = {each.type_id: each.room.vgpus for each in facts.gpus[0].types}
    assert rooms == {"1519": 1, "1521": 0}


def test_a_server_that_has_gone_since_has_nothing(vfs):
    driver = Driver(guests=[guest("s1"), guest("s2", VF2)])
    (vgpu,) = WithNova(vfs, driver).active()
    assert vgpu.server == "s2"


def test_functions_that_cannot_be_read_are_unknown(vfs, caplog):
    gpus = vfs.devices()
    backend = Backend(gpus=gpus)
    backend.functions = lambda: None
    (gpu,) = WithNova(backend, Driver()).devices()
    assert [each.idle for each in gpu.types] == [None, None]
    assert collect.collect("1.0", 34, WithNova(backend, Driver())).active is (
        None
    )


def test_a_vgpu_of_mtty_is_on_the_gpu_that_sysfs_tells_of(
    tmp_path, monkeypatch
):
    """Or nobody would know what the server has."""
    kernel = Kernel(tmp_path / "sys")
    kernel.mdev_type("mtty", "mtty-1", "Single port serial", "0")
    monkeypatch.setattr(
        assigned,
        "gpu_address",
        lambda parent: exact.gpu_address(parent, str(kernel.root)),
    )
    mdevs = [mdev(uuid, "mtty-1", "mtty_mtty") for uuid in ("m1", "m2")]
    driver = Driver(mdevs, {"m2": "s2"}, enabled="mtty-1")
    both = WithNova(SysfsBackend(kernel.root), driver)
    ((gpu,), (vgpu,)) = (both.devices(), both.active())
    assert (vgpu.gpu, vgpu.type_id) == (gpu.address, gpu.types[0].type_id)
    assert gpu.types[0].room.vgpus == 1
