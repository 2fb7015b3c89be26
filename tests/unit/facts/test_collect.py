"""Facts are gathered whatever a backend does."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

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

    def guest_drivers(self) -> Mapping[str, str] | None:
        return {builders.SERVER: "570.2"}


ACTIVE = builders.a_vgpu(guest_driver="570.2")


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
    assert found.active == (ACTIVE,)
    assert found.cpu == builders.a_cpu() and found.migrations_in == 2


def test_a_backend_that_fails_leaves_the_rest() -> None:
    found = collect.collect("1.0", 34, Broken())
    assert found.gpus is None
    assert found.active == (ACTIVE,)


def test_unknown_is_not_none_at_all() -> None:
    assert collect.collect("1.0", 34, Blind()).gpus is None


class Deaf(Backend):
    """Its guests cannot be asked."""

    def guest_drivers(self) -> Mapping[str, str] | None:
        raise OSError("metadata")


class Late(Backend):
    def guest_drivers(self) -> Mapping[str, str] | None:
        return None


@pytest.mark.parametrize("backend", [Deaf(), Late()])
def test_vgpus_are_known_without_the_drivers_in_them(
    backend: GpuBackend,
) -> None:
    (vgpu,) = collect.collect("1.0", 34, backend).active or ()
    assert vgpu == replace(ACTIVE, guest_driver=None)


def test_without_vgpus_in_use_no_guest_is_asked() -> None:
    class Idle(Deaf):
        def active(self) -> Sequence[ActiveVgpu] | None:
            return []

    assert collect.collect("1.0", 34, Idle()).active == ()
