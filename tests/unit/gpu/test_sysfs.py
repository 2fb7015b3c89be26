"""GPUs as the kernel shows them."""

import os
from pathlib import Path
from typing import Any

import pytest

from nova_livemig_gpu.exception import PluginNotMine
from nova_livemig_gpu.gpu.sysfs import SysfsBackend
from nova_livemig_gpu.model import (
    GpuDevice,
    VgpuFunction,
    VgpuKind,
    VgpuType,
)
from tests.unit.gpu.kernel import Kernel

PF, VF1, VF2 = "0000:3b:00.0", "0000:3b:00.4", "0000:3b:00.5"
UUID = "a2768c2c-1f39-4e5c-a1a0-4a32c3b8e1a9"
H100 = "10de:2330:10de:16c1"
CREATABLE = "ID    : vGPU Name\n1131  : NVIDIA H100-20C\n1132 : H100-40C\n"


def devices(kernel: Kernel) -> list[GpuDevice]:
    return list(SysfsBackend(kernel.root).devices())


def test_nothing_there(kernel: Kernel) -> None:
    backend = SysfsBackend(kernel.root / "nowhere")
    assert devices(kernel) == [] == backend.devices()
    assert backend.active() is None
    with pytest.raises(PluginNotMine):
        backend.score()


def test_mtty(kernel: Kernel) -> None:
    """A parent that is no PCI device."""
    kernel.mdev_type("mtty", "mtty-1", "Single port serial\n", "24")
    kernel.mdev_type("mtty", "mtty-2", "Dual port serial\n", "12")
    assert devices(kernel) == [
        GpuDevice(
            address="mtty",
            name="mtty",
            kind=VgpuKind.MDEV,
            types=(
                VgpuType("mtty-1", "Single port serial", None, 24),
                VgpuType("mtty-2", "Dual port serial", None, 12),
            ),
        )
    ]
    assert SysfsBackend(kernel.root).score() > 1


def test_mediated_devices_of_a_gpu(kernel: Kernel) -> None:
    kernel.pci("0000:41:00.0", "10de:1eb8:10de:12a2")
    kernel.write("module/nvidia/version", "535.261.04\n")
    kernel.mdev_type(
        "0000:41:00.0",
        "nvidia-222",
        "GRID T4-1B\n",
        "16",
        "num_heads=4, frl_config=45, framebuffer=1024M, "
        "max_resolution=5120x2880, max_instance=16\n",
    )
    (gpu,) = devices(kernel)
    assert (gpu.board, gpu.pci_ids) == (None, "10de:1eb8:10de:12a2")
    assert (gpu.name, gpu.driver) == ("PCI 10de:1eb8", "535.261.04")
    assert gpu.types == (VgpuType("nvidia-222", "GRID T4-1B", 1024, 16),)


def test_mediated_devices_on_virtual_functions(kernel: Kernel) -> None:
    """Each function says 1 while the GPU has room."""
    kernel.pci(PF)
    for vf, available in ((VF1, "0"), (VF2, "1")):
        kernel.pci(vf, physfn=PF)
        kernel.mdev_type(vf, "nvidia-558", "NVIDIA A40-8Q", available)
    (gpu,) = devices(kernel)
    assert (gpu.address, gpu.kind) == (PF, VgpuKind.MDEV)
    assert gpu.types == (VgpuType("nvidia-558", "NVIDIA A40-8Q", None, 1),)


@pytest.mark.parametrize(
    ("told", "creatable", "or_more"),
    [
        (("0", "0"), 0, False),
        (("0", "1"), 1, False),
        (("1", "1"), 1, True),
        (("0", "1", "1"), 1, True),
        (("1", "1", "0"), 1, True),
        (("1", "many"), 1, True),
        (("many", "1"), 1, True),
        (("0", "many"), None, False),
        (("many", "0"), None, False),
        (("many", "many"), None, False),
    ],
)
def test_of_several_functions_one_is_certain(
    kernel: Kernel, told: tuple[str, ...], creatable: Any, or_more: bool
) -> None:
    kernel.pci(PF)
    for number, available in enumerate(told):
        vf = f"0000:3b:01.{number}"
        kernel.pci(vf, physfn=PF)
        kernel.mdev_type(vf, "nvidia-558", "NVIDIA A40-8Q", available)
    ((found,),) = (gpu.types for gpu in devices(kernel))
    assert (found.creatable, found.or_more) == (creatable, or_more)


def test_two_free_virtual_functions(kernel: Kernel) -> None:
    kernel.pci(PF, H100)
    kernel.vf(VF1, PF, "0", CREATABLE)
    kernel.vf(VF2, PF, "0", "1131  : NVIDIA H100-20C\n")
    kernel.vf("0000:3b:00.6", PF, "1131", "")
    (gpu,) = devices(kernel)
    assert gpu.types == (
        VgpuType("1131", "NVIDIA H100-20C", None, 1, or_more=True),
        VgpuType("1132", "H100-40C", None, 1),
    )


def test_vgpus_on_virtual_functions(kernel: Kernel) -> None:
    kernel.pci(PF, H100)
    kernel.vf(VF1, PF, "0", CREATABLE)
    kernel.vf(VF2, PF, "1133", "")
    (gpu,) = devices(kernel)
    assert (gpu.address, gpu.kind, gpu.pci_ids) == (PF, VgpuKind.VF, H100)
    assert gpu.types == (
        VgpuType("1131", "NVIDIA H100-20C", None, 1),
        VgpuType("1132", "H100-40C", None, 1),
        VgpuType("1133", "1133", None, 0),
    )
    assert gpu.migratable is None


RTX_PRO_6000 = """\
ID    : vGPU Name
1518  : NVIDIA RTX Pro 6000 Blackwell DC-2B
1519  : NVIDIA RTX Pro 6000 Blackwell DC-3Q
1520  : NVIDIA RTX Pro 6000 Blackwell DC-3A
1527  : NVIDIA RTX Pro 6000 Blackwell DC-8C
1529  : NVIDIA RTX Pro 6000 Blackwell DC-12A
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("heading", [True, False])
def test_the_types_of_an_empty_card(
    kernel: Kernel, ends: str, heading: bool
) -> None:
    """Driver 580.105.06, 0001:c8:00.0."""
    lines = RTX_PRO_6000.splitlines()[0 if heading else 1 :]
    kernel.pci("0001:c8:00.0", "10de:2bb5:10de:204e")
    kernel.vf("0001:c8:00.2", "0001:c8:00.0", "0", ends.join(lines))
    (gpu,) = devices(kernel)
    assert [each.type_id for each in gpu.types] == [
        "1518",
        "1519",
        "1520",
        "1527",
        "1529",
    ]
    assert gpu.types[1].name == "NVIDIA RTX Pro 6000 Blackwell DC-3Q"
    assert SysfsBackend(kernel.root).functions() == []


def test_a_function_with_a_type_limits_the_others(kernel: Kernel) -> None:
    """With 1519 on one, 1520 (as large) can be set on another, 1523 not."""
    card = "0001:c8:00.0"
    kernel.pci(card)
    kernel.vf("0001:c8:00.2", card, "1519", "")
    kernel.vf(
        "0001:c8:00.3",
        card,
        "0",
        "1519  : NVIDIA RTX Pro 6000 Blackwell DC-3Q\n"
        "1520  : NVIDIA RTX Pro 6000 Blackwell DC-3A\n",
    )
    (gpu,) = devices(kernel)
    assert [(each.type_id, each.creatable) for each in gpu.types] == [
        ("1519", 1),
        ("1520", 1),
    ]
    assert SysfsBackend(kernel.root).functions() == [
        VgpuFunction("0001:c8:00.2", card, "1519")
    ]


def test_all_functions_have_a_type(kernel: Kernel) -> None:
    """Written beforehand, as for Nova: only their numbers are known."""
    kernel.pci(PF)
    kernel.vf(VF1, PF, "1519", "")
    kernel.vf(VF2, PF, "1519", "junk\n")
    (gpu,) = devices(kernel)
    assert gpu.types == (VgpuType("1519", "1519", None, 0),)
    assert SysfsBackend(kernel.root).functions() == [
        VgpuFunction(VF1, PF, "1519"),
        VgpuFunction(VF2, PF, "1519"),
    ]


@pytest.mark.parametrize("junk", ["", "-1", "many", "9" * 40, "1519 1520"])
def test_a_type_that_is_no_number_is_none(kernel: Kernel, junk: str) -> None:
    kernel.pci(PF)
    kernel.vf(VF1, PF, junk, CREATABLE)
    assert SysfsBackend(kernel.root).functions() == []
    devices(kernel)


def test_a_network_card_is_no_gpu(kernel: Kernel) -> None:
    kernel.pci(PF, "15b3:101e:15b3:0001")
    kernel.write(f"bus/pci/devices/{PF}/class", "0x020000\n")
    kernel.pci(VF1, "15b3:101e:15b3:0001", PF, "mlx5_vfio_pci")
    assert devices(kernel) == []


def test_a_variant_driver(kernel: Kernel) -> None:
    kernel.pci(PF, "8086:56c0:8086:4905")
    kernel.pci(VF1, "8086:56c0:8086:4905", PF, "xe-vfio-pci")
    (gpu,) = devices(kernel)
    assert (gpu.kind, gpu.migratable, gpu.types) == (VgpuKind.VF, True, ())


@pytest.mark.parametrize(
    "features, migratable",
    [
        ("stop-copy\np2p\npre-copy\n", True),
        ("p2p\n", False),
        (None, False),
    ],
)
def test_the_kernel_tells_of_a_device_in_use(
    kernel: Kernel, features: str | None, migratable: bool
) -> None:
    kernel.mdev_type("mtty", "mtty-1")
    kernel.mdev("mtty", UUID)
    kernel.vfio_debug(UUID, features)
    (gpu,) = devices(kernel)
    assert gpu.migratable is migratable


def test_one_vgpu_that_cannot_be_migrated_is_not_the_gpu(
    kernel: Kernel,
) -> None:
    """Its server may have set what keeps it, as unified memory does."""
    other = UUID.replace("a", "b")
    kernel.mdev_type("mtty", "mtty-1")
    for device, features in ((UUID, None), (other, "stop-copy")):
        kernel.mdev("mtty", device)
        kernel.vfio_debug(device, features)
    assert devices(kernel)[0].migratable is None


def test_a_kernel_before_the_list_of_features(kernel: Kernel) -> None:
    kernel.mdev_type("mtty", "mtty-1")
    kernel.mdev("mtty", UUID)
    kernel.write(f"kernel/debug/vfio/{UUID}/migration/state", "RUNNING\n")
    assert devices(kernel)[0].migratable is True


def test_a_debugfs_that_tells_of_others_only(kernel: Kernel) -> None:
    kernel.mdev_type("mtty", "mtty-1")
    kernel.mdev("mtty", UUID)
    kernel.vfio_debug("0000:99:00.1", "stop-copy")
    assert devices(kernel)[0].migratable is None


@pytest.mark.parametrize(
    "junk", [b"", b"\xff\xfe\x00", b"-1", b"many", b"9" * 40, b"\n\n:\n: :"]
)
def test_junk_is_unknown(kernel: Kernel, junk: bytes) -> None:
    kernel.mdev_type("mtty", "mtty-1", "Single")
    at = "class/mdev_bus/mtty/mdev_supported_types/mtty-1"
    kernel.write(f"{at}/available_instances", junk)
    kernel.write(f"{at}/description", junk)
    kernel.pci(PF)
    kernel.vf(VF1, PF, "0", "")
    kernel.write(f"bus/pci/devices/{VF1}/nvidia/creatable_vgpu_types", junk)
    kernel.write(f"bus/pci/devices/{PF}/subsystem_device", junk)
    gpu, mtty = devices(kernel)
    assert gpu.board is gpu.pci_ids is None
    assert gpu.types == ()
    assert mtty.types == (VgpuType("mtty-1", "Single", None, None),)


def test_files_vanish(kernel: Kernel) -> None:
    """Each file in turn, and a loop of links: no exception."""
    kernel.pci(PF)
    kernel.vf(VF1, PF, "0", CREATABLE)
    kernel.mdev_type("mtty", "mtty-1", "Single")
    kernel.mdev("mtty", UUID)
    kernel.vfio_debug(UUID, "stop-copy")
    paths = [
        Path(folder) / name
        for folder, _, files in os.walk(kernel.root)
        for name in files
    ]
    for path in paths:
        path.unlink()
        devices(kernel)
    loop = kernel.root / "bus/pci/devices/0000:01:00.0"
    loop.symlink_to(loop)
    assert [each.address for each in devices(kernel)] == ["mtty"]
