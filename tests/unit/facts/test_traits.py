"""Traits that a host gets from its facts."""

from nova_livemig_gpu.facts import traits
from tests import builders_facts as builders


def test_traits_of_a_host() -> None:
    assert traits.traits(builders.a_host()) == {
        "CUSTOM_LIVEMIG_VGPU_MIGRATABLE",
        "CUSTOM_LIVEMIG_DRIVER_570",
        "CUSTOM_LIVEMIG_GPU_NVIDIA_H100_80GB_HBM3",
    }


def test_one_gpu_that_cannot_takes_migratable_away() -> None:
    gpus = (builders.a_gpu(), builders.a_gpu("0000:5e:00.0", migratable=False))
    found = traits.traits(builders.a_host(gpus=gpus))
    assert traits.MIGRATABLE not in found


def test_unknown_is_not_migratable_but_streaming_is() -> None:
    gpu = builders.a_gpu(migratable=None, streaming=None)
    found = traits.traits(builders.a_host(gpus=(gpu,)))
    assert traits.MIGRATABLE not in found
    gpu = builders.a_gpu(migratable=None, streaming=True)
    assert traits.MIGRATABLE in traits.traits(builders.a_host(gpus=(gpu,)))


def test_nothing_known_no_traits() -> None:
    assert traits.traits(builders.a_host(gpus=None)) == set()
    odd = builders.a_gpu(name="???", driver="", kind=None)
    assert traits.traits(builders.a_host(gpus=(odd,))) == set()


def test_names_are_what_placement_accepts() -> None:
    gpu = builders.a_gpu(name="Ärger (x) " + "y" * 400, driver="r-570 beta.1")
    for name in traits.traits(builders.a_host(gpus=(gpu,))):
        assert len(name) <= 255
        assert all(c.isupper() or c.isdigit() or c == "_" for c in name)
        assert name.isascii()


def test_update_touches_ours_only() -> None:
    existing = {"HW_CPU_X86_AVX", "CUSTOM_LIVEMIG_DRIVER_550", "CUSTOM_RACK"}
    ours = {"CUSTOM_LIVEMIG_DRIVER_570"}
    assert traits.update(existing, ours) == {
        "HW_CPU_X86_AVX",
        "CUSTOM_RACK",
        "CUSTOM_LIVEMIG_DRIVER_570",
    }
    assert traits.update(existing, ()) == {"HW_CPU_X86_AVX", "CUSTOM_RACK"}
