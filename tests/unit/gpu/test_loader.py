"""Who is loaded."""

from importlib.metadata import EntryPoint

from nova_livemig_gpu.gpu import loader
from nova_livemig_gpu.gpu.choice import BackendChoice
from nova_livemig_gpu.gpu.null import NullBackend
from nova_livemig_gpu.gpu.nvml import NvmlBackend
from nova_livemig_gpu.gpu.sysfs import SysfsBackend


def test_load_chooses_one_that_answers() -> None:
    """On whatever machine this runs."""
    backend = loader.load(5.0)
    assert isinstance(backend, BackendChoice)
    assert backend.score() > 0
    assert backend.name in ("nvml", "sysfs", "null")
    assert backend.devices() is not None


def test_the_entry_points_can_be_loaded() -> None:
    for name, value, kind in (
        ("nvml", "nova_livemig_gpu.gpu.nvml:NvmlBackend", NvmlBackend),
        ("sysfs", "nova_livemig_gpu.gpu.sysfs:SysfsBackend", SysfsBackend),
        ("null", "nova_livemig_gpu.gpu.null:NullBackend", NullBackend),
    ):
        assert EntryPoint(name, value, loader.NAMESPACE).load() is kind
