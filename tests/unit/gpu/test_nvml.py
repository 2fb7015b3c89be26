"""Facts of two hosts, through the real pynvml and the stand-in."""

from nova_livemig_gpu.model import (
    ActiveVgpu,
    GpuDevice,
    VgpuKind,
    VgpuType,
)
from tests.nvml import stand_in
from tests.nvml.host import Host
from tests.unit.gpu.kernel import Kernel

GIB = 2**30
SERVER = "5c2dbcd1-6c0a-4a0c-9d38-1f6e3e3c3a11"
ALL = "result = (backend.score(), backend.devices(), backend.active())"
DRIVERS = "result = backend.guest_drivers()"


def test_h100_on_virtual_functions(host: Host) -> None:
    (score, devices, active), warnings = host.ask(stand_in.load("h100"), ALL)
    assert score > 50
    assert devices[0] == GpuDevice(
        address="0000:3b:00.0",
        name="NVIDIA H100 80GB HBM3",
        kind=VgpuKind.VF,
        board="692-2G520-0200-000",
        pci_ids="10de:2330:10de:16c1",
        memory_mib=81559,
        driver="570.158.02",
        vgpu_manager="570.158.02",
        ecc=True,
        mig=False,
        vgpu_mode="sriov",
        streaming=True,
        read_mb_s=3200,
        write_mb_s=2900,
        migratable=True,
        types=(
            VgpuType("1131", "NVIDIA H100-20C", 20480, 3),
            VgpuType("1132", "NVIDIA H100-40C", 40960, 1),
            VgpuType("1133", "NVIDIA H100-80C", 81920, 0),
        ),
    )
    assert active == [ActiveVgpu(SERVER, "0000:3b:00.0", "1131", 6 * GIB)]
    assert warnings == []


def test_the_driver_in_the_guest(host: Host) -> None:
    drivers, warnings = host.ask(stand_in.load("h100"), DRIVERS)
    assert (drivers, warnings) == ({SERVER: "570.158.01"}, [])


def test_a_guest_that_has_not_started_its_driver(host: Host) -> None:
    drivers, warnings = host.ask(stand_in.load("a40"), DRIVERS)
    assert (drivers, warnings) == ({}, [])


def test_its_second_gpu_differs(host: Host) -> None:
    """MIG on, ECC off; its part number NVML does not tell."""
    devices, _ = host.ask(stand_in.load("h100"), "result = backend.devices()")
    second = devices[1]
    assert (second.ecc, second.mig, second.streaming) == (False, True, False)
    assert second.read_mb_s is None
    assert second.board is None
    assert second.pci_ids == "10de:2330:10de:16c1"


def test_a40_with_mediated_devices(host: Host) -> None:
    """What NVML does not support is unknown, without a warning."""
    (_, devices, active), warnings = host.ask(stand_in.load("a40"), ALL)
    (a40,) = devices
    assert (a40.kind, a40.vgpu_mode) == (VgpuKind.MDEV, "non_sriov")
    assert (a40.ecc, a40.mig, a40.streaming) == (False, None, None)
    assert a40.driver == "535.261.04"
    assert [each.type_id for each in a40.types] == ["nvidia-558"]
    assert active[0].type_id == "nvidia-558"
    assert warnings == []


def test_the_kernel_adds_what_nvml_does_not_tell(
    host: Host, kernel: Kernel
) -> None:
    """SR-IOV with mediated devices (A40, older kernels), and mtty."""
    kernel.pci("0000:3b:00.0")
    kernel.pci("0000:3b:00.4", physfn="0000:3b:00.0")
    kernel.mdev_type("0000:3b:00.4", "nvidia-1131")
    kernel.mdev("0000:3b:00.4", "a2768c2c-1f39-4e5c-a1a0-4a32c3b8e1a9")
    kernel.vfio_debug("a2768c2c-1f39-4e5c-a1a0-4a32c3b8e1a9", None)
    kernel.mdev_type("mtty", "mtty-1", "Single port serial", "24")
    (_, devices, active), _ = host.ask(stand_in.load("h100"), ALL)
    first, second, mtty = devices
    assert first.kind is VgpuKind.MDEV
    assert first.types[0].type_id == "nvidia-1131"
    assert active[0].type_id == "nvidia-1131"
    assert first.migratable is False  # NVML can, the kernel's driver cannot
    assert second.kind is VgpuKind.VF
    assert mtty.types == (VgpuType("mtty-1", "Single port serial", None, 24),)


def test_the_kernel_decides_what_can_be_created(
    host: Host, kernel: Kernel
) -> None:
    """An idle mdev has a card: NVML, which knows no vGPU before its server
    runs, still sees room."""
    kernel.pci("0000:3b:00.0")
    for number, available in (("1131", "0"), ("1132", "2"), ("1133", "many")):
        kernel.mdev_type(
            "0000:3b:00.0", f"nvidia-{number}", "a name", available
        )
    devices, _ = host.ask(stand_in.load("h100"), "result = backend.devices()")
    found = {t.type_id: (t.name, t.creatable) for t in devices[0].types}
    assert found == {
        "nvidia-1131": ("NVIDIA H100-20C", 0),
        "nvidia-1132": ("NVIDIA H100-40C", 2),
        "nvidia-1133": ("NVIDIA H100-80C", 0),  # NVML's
    }


def test_functions_that_have_their_types(host: Host, kernel: Kernel) -> None:
    """No function is left to make a vGPU of, whatever NVML counts."""
    kernel.pci("0000:3b:00.0")
    kernel.vf("0000:3b:00.4", "0000:3b:00.0", "1131", "")
    kernel.vf("0000:3b:00.5", "0000:3b:00.0", "1131", "")
    script = "result = (backend.devices(), backend.functions())"
    (devices, functions), _ = host.ask(stand_in.load("h100"), script)
    assert [each.creatable for each in devices[0].types] == [0, 0, 0]
    assert [(each.address, each.type_id) for each in functions] == [
        ("0000:3b:00.4", "1131"),
        ("0000:3b:00.5", "1131"),
    ]


def test_of_several_free_functions_nvml_counts(
    host: Host, kernel: Kernel
) -> None:
    """The kernel tells no more than that one more fits."""
    kernel.pci("0000:3b:00.0")
    for vf in ("0000:3b:00.4", "0000:3b:00.5"):
        kernel.vf(vf, "0000:3b:00.0", "0", "1131 : NVIDIA H100-20C\n")
    devices, _ = host.ask(stand_in.load("h100"), "result = backend.devices()")
    assert [(t.creatable, t.or_more) for t in devices[0].types] == [
        (3, False),
        (0, False),
        (0, False),
    ]


def test_a_vgpu_manager_without_migration(host: Host) -> None:
    description = stand_in.load("h100")
    description["gpu"][0]["migratable"] = 0
    devices, _ = host.ask(description, "result = backend.devices()")
    assert [each.migratable for each in devices] == [False, True]


def test_a_gpu_without_vgpus(host: Host) -> None:
    """A bare driver: no manager, no types, nothing to warn of."""
    description = stand_in.load("h100")
    for gpu in description["gpu"]:
        del gpu["type"]
        gpu.pop("vgpu", None)
    (_, devices, active), warnings = host.ask(description, ALL)
    assert [each.kind for each in devices] == [None, None]
    assert [each.vgpu_manager for each in devices] == [None, None]
    assert (active, warnings) == ([], [])


def test_many_servers(host: Host) -> None:
    description = stand_in.load("h100")
    vgpu = description["gpu"][0]["vgpu"][0]
    description["gpu"][0]["vgpu"] = [
        {
            **vgpu,
            "id": 100 + n,
            "vm_id": f"00000000-0000-0000-0000-{n:012}",
            "framebuffer_used": n * GIB,
        }
        for n in range(4)
    ]
    (_, devices, active), _ = host.ask(description, ALL)
    assert [each.framebuffer_used_bytes for each in active] == [
        n * GIB for n in range(4)
    ]
    assert devices[0].types[0].creatable == 1  # NVML says so
