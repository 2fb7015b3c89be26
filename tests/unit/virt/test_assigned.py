"""Nova tells which server has which mdev where a backend cannot."""

from types import SimpleNamespace

from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.gpu.sysfs import SysfsBackend
from nova_livemig_gpu.model import ActiveVgpu
from nova_livemig_gpu.virt import assigned, exact
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
    return assigned.WithNova(Backend(found, knows), driver).active()


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
        assigned,
        "gpu_address",
        lambda parent: exact.gpu_address(parent, str(kernel.root)),
    )
    (gpu,) = SysfsBackend(kernel.root).devices()
    (vgpu,) = assigned.assigned({"m2": "s2"}, DEVICES)
    assert (vgpu.gpu, vgpu.type_id) == (gpu.address, gpu.types[0].type_id)
