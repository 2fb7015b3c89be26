"""A host with many GPUs, for timings."""

from pathlib import Path
from typing import Any

from tests.nvml import stand_in

_GIB = 2**30


def nvml(gpus: int, types: int, vgpus: int) -> dict[str, Any]:
    """Describe a host to the stand-in, from h100.toml."""
    description = stand_in.load("h100")
    first = description["gpu"][0]
    description["gpu"] = [
        {
            **first,
            "bus_id": f"00000000:{_bus(n):02X}:00.0",
            "type": _types(types),
            "vgpu": [_vgpu(first["vgpu"][0], n, m) for m in range(vgpus)],
        }
        for n in range(gpus)
    ]
    return description


def sysfs(root: Path, gpus: int, types: int, functions: int) -> None:
    """Make what the kernel would show of them, with virtual functions."""
    creatable = "".join(
        f"{each['id']} : {each['name']}\n" for each in _types(types)
    )
    pci = root / "bus/pci/devices"
    for n in range(gpus):
        physical = f"0000:{_bus(n):02x}:00.0"
        _device(pci / physical)
        for m in range(4, 4 + functions):
            vf = pci / f"0000:{_bus(n):02x}:{m // 8:02x}.{m % 8}"
            _device(vf)
            (vf / "physfn").symlink_to(f"../{physical}")
            (vf / "driver").symlink_to("../../drivers/nvidia")
            (vf / "nvidia").mkdir()
            (vf / "nvidia/current_vgpu_type").write_text("0\n")
            (vf / "nvidia/creatable_vgpu_types").write_text(creatable)


def _bus(n: int) -> int:
    return 0x10 + 8 * n


def _types(count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": 1100 + n,
            "name": f"NVIDIA H100-{n + 1}C",
            "framebuffer": (n + 1) * _GIB,
            "most": 80 // (n + 1),
        }
        for n in range(count)
    ]


def _vgpu(like: dict[str, Any], gpu: int, n: int) -> dict[str, Any]:
    return {
        **like,
        "id": 1000 + gpu * 100 + n,
        "type": 1100,
        "vm_id": f"00000000-0000-0000-{gpu:04}-{n:012}",
    }


def _device(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, value in (
        ("vendor", "10de"),
        ("device", "2330"),
        ("subsystem_vendor", "10de"),
        ("subsystem_device", "16c1"),
    ):
        (folder / name).write_text(f"0x{value}\n")
    (folder / "class").write_text("0x030200\n")
