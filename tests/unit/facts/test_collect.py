"""Facts are gathered whatever a backend does."""

from collections.abc import Sequence

from nova_livemig_gpu.facts import collect
from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.model import ActiveVgpu, GpuDevice
from tests import builders_facts as builders


class Backend(GpuBackend):
    def score(self) -> int:
        return 1

    def devices(self) -> Sequence[GpuDevice] | None:
        return [builders.a_gpu()]

    def active(self) -> Sequence[ActiveVgpu] | None:
        return [builders.a_vgpu()]


class Broken(Backend):
    def devices(self) -> Sequence[GpuDevice] | None:
        raise OSError("fallen off the bus")


class Blind(Backend):
    def devices(self) -> Sequence[GpuDevice] | None:
        return None


def test_facts() -> None:
    around = collect.Around(cpu=builders.a_cpu(), migrations_in=2)
    found = collect.collect("1.0", 34, Backend(), around)
    assert found.gpus == (builders.a_gpu(),)
    assert found.active == (builders.a_vgpu(),)
    assert found.cpu == builders.a_cpu() and found.migrations_in == 2


def test_a_backend_that_fails_leaves_the_rest() -> None:
    found = collect.collect("1.0", 34, Broken())
    assert found.gpus is None
    assert found.active == (builders.a_vgpu(),)


def test_unknown_is_not_none_at_all() -> None:
    assert collect.collect("1.0", 34, Blind()).gpus is None
