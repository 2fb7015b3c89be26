"""Whatever is wrong with NVML: unknown, one warning, the rest goes on."""

from pathlib import Path
from typing import Any

import pytest

from nova_livemig_gpu.exception import PluginNotMine
from tests.nvml import stand_in
from tests.nvml.host import Host
from tests.unit.gpu.kernel import Kernel

SERVER = "5c2dbcd1-6c0a-4a0c-9d38-1f6e3e3c3a11"

#: Asks like the resource tracker: again and again.
ROUNDS = """
    for _ in range(3):
        result = (backend.devices(), backend.active())
"""
SCORE = """
    from nova_livemig_gpu.exception import PluginNotMine
    for _ in range(2):
        try:
            result = backend.score()
        except PluginNotMine as exc:
            result = str(exc)
"""

NOT_SUPPORTED, NO_PERMISSION, UNKNOWN = 3, 4, 999
DRIVER_NOT_LOADED, FUNCTION_NOT_FOUND, GPU_IS_LOST = 9, 13, 15


def faulty(function: str, **fault: Any) -> dict[str, Any]:
    description = stand_in.load("h100")
    description["fault"] = [{"function": function, **fault}]
    return description


@pytest.mark.parametrize(
    "code, says",
    [
        (DRIVER_NOT_LOADED, "Driver Not Loaded"),
        (NO_PERMISSION, "Insufficient Permissions"),
        (18, "restart nova-compute"),
        (UNKNOWN, "Unknown Error"),
    ],
)
def test_nvml_does_not_open(host: Host, code: int, says: str) -> None:
    description = faulty("nvmlInitWithFlags", code=code)
    told = host.ask(description, ROUNDS)
    assert told.result == (None, None)
    assert len(told.warnings) == 1 and says in told.warnings[0]
    told = host.ask(description, SCORE)
    assert "nvml has nothing to do here" in told.result
    assert len(told.warnings) == 1 and says in told.warnings[0]


def test_no_library_and_no_card(tmp_path: Path) -> None:
    """Most hosts: nothing to warn of."""
    nowhere = Host(tmp_path, tmp_path)
    told = nowhere.ask({}, SCORE)
    assert "NVML Shared Library Not Found" in told.result
    assert told.warnings == []


def test_no_library_for_a_card(tmp_path: Path, kernel: Kernel) -> None:
    kernel.pci("0000:3b:00.0")
    told = Host(tmp_path, tmp_path).ask({}, SCORE)
    assert "NVML Shared Library Not Found" in told.result
    assert len(told.warnings) == 1


def test_a_card_that_is_given_away_whole(
    tmp_path: Path, kernel: Kernel
) -> None:
    kernel.pci("0000:3b:00.0", driver="vfio-pci")
    assert Host(tmp_path, tmp_path).ask({}, SCORE).warnings == []


def test_a_driver_that_is_loaded_later(host: Host, kernel: Kernel) -> None:
    """nova-compute came first: NVML's backend is chosen, and waits; until
    then the kernel's word is all there is."""
    kernel.pci("0000:3b:00.0")
    kernel.vf("0000:3b:00.4", "0000:3b:00.0", "0", "1131 : NVIDIA H100-20C")
    told = host.ask(
        faulty("nvmlInitWithFlags", code=DRIVER_NOT_LOADED, last=2),
        """
        waits = backend.score() > backend._kernel.score()
        before, after = backend.devices(), backend.devices()
        result = waits, [gpu.name for gpu in before], len(after)
        """,
    )
    assert told.result == (True, ["PCI 10de:2330"], 2)
    assert len(told.warnings) == 1


def test_no_gpu(host: Host) -> None:
    told = host.ask({"driver": "570.1"}, SCORE)
    assert "NVML knows no GPU" in told.result
    assert host.ask({"driver": "570.1"}, ROUNDS).result == ([], [])


def test_it_comes_back(host: Host) -> None:
    told = host.ask(
        faulty("nvmlInitWithFlags", code=DRIVER_NOT_LOADED, last=2),
        "result = [backend.devices() is None for _ in range(4)]",
    )
    assert told.result == [True, True, False, False]
    assert len(told.warnings) == 1


@pytest.mark.parametrize(
    "function, field",
    [
        ("nvmlDeviceGetEccMode", "ecc"),
        ("nvmlDeviceGetMigMode", "mig"),
        ("nvmlDeviceGetHostVgpuMode", "vgpu_mode"),
        ("nvmlDeviceGetMemoryInfo", "memory_mib"),
        ("nvmlDeviceGetVgpuCapabilities", "streaming"),
        ("nvmlDeviceGetVgpuMetadata", "vgpu_manager"),
        ("nvmlSystemGetDriverVersion", "driver"),
    ],
)
@pytest.mark.parametrize("code", [NOT_SUPPORTED, NO_PERMISSION])
def test_one_fact_missing(
    host: Host, function: str, field: str, code: int
) -> None:
    (devices, active), warnings = host.ask(faulty(function, code=code), ROUNDS)
    assert [getattr(each, field) for each in devices] == [None, None]
    assert devices[0].name == "NVIDIA H100 80GB HBM3"
    assert len(active) == 1
    assert len(warnings) == (0 if code == NOT_SUPPORTED else 1)


def test_an_old_library(tmp_path: Path) -> None:
    """Functions that are not there at all, in pynvml's calls and ours."""
    old = stand_in.build(
        tmp_path / "old",
        without=[
            "nvmlDeviceGetHostVgpuMode",
            "nvmlVgpuInstanceGetFbUsage",
            "nvmlDeviceGetVgpuMetadata",
        ],
    )
    (devices, active), warnings = Host(old, tmp_path).ask(
        stand_in.load("h100"), ROUNDS
    )
    assert devices[0].vgpu_mode is None
    assert devices[0].vgpu_manager is None
    assert devices[0].ecc is True
    assert active[0].framebuffer_used_bytes is None
    assert len(warnings) == 3
    assert all("too old" in each for each in warnings)


def test_everything_forbidden_is_one_warning(host: Host) -> None:
    description = stand_in.load("h100")
    description["fault"] = [
        {"function": f"nvmlDeviceGet{name}", "code": NO_PERMISSION}
        for name in ("EccMode", "MigMode", "ActiveVgpus", "SupportedVgpus")
    ]
    (devices, active), warnings = host.ask(description, ROUNDS)
    assert (devices[0].ecc, devices[0].types, active) == (None, (), [])
    assert len(warnings) == 1


@pytest.mark.parametrize("calls", range(1, 40, 4))
def test_a_gpu_falls_off_the_bus(host: Host, calls: int) -> None:
    """At any call: that GPU is left out, the other stays."""
    description = stand_in.load("h100")
    description["gpu"][0]["lost_after"] = calls
    told = host.ask(
        description,
        """
        rounds = [(backend.devices(), backend.active()) for _ in range(3)]
        result = [each.address for each in rounds[-1][0]], rounds[-1][1]
        """,
    )
    assert told.result == (["0000:86:00.0"], [])
    assert len(told.warnings) == 1
    assert "GPU 0 is left out" in told.warnings[0]


def test_a_lost_gpu_is_not_taken_from_the_kernel(
    host: Host, kernel: Kernel
) -> None:
    kernel.pci("0000:3b:00.0")
    kernel.vf("0000:3b:00.4", "0000:3b:00.0", "0", "1131 : NVIDIA H100-20C")
    description = stand_in.load("h100")
    description["gpu"][0]["lost_after"] = 1
    devices, _ = host.ask(description, "result = backend.devices()")
    assert [each.address for each in devices] == ["0000:86:00.0"]


@pytest.mark.parametrize("late", [2, 3, 4])
def test_vgpus_that_come_while_they_are_listed(host: Host, late: int) -> None:
    description = stand_in.load("h100")
    vgpu = description["gpu"][0]["vgpu"][0]
    description["gpu"][0]["vgpu"] += [
        {**vgpu, "id": n, "vm_id": SERVER[:-1] + str(n), "appears": late}
        for n in range(2, 9)
    ]
    (_, active), warnings = host.ask(
        description, "result = (backend.devices(), backend.active())"
    )
    assert len(active) == 8
    assert warnings == []


@pytest.mark.parametrize("when", [2, 3, 4, 5])
def test_vgpus_that_go_while_they_are_listed(host: Host, when: int) -> None:
    description = stand_in.load("h100")
    description["gpu"][0]["vgpu"][0]["vanishes"] = when
    (active, later), warnings = host.ask(
        description, "result = (backend.active(), backend.active())"
    )
    assert len(active) <= 1
    assert warnings == []


def test_a_vgpu_without_a_server(host: Host) -> None:
    """Just created; or a domain's number instead of a UUID (Xen)."""
    description = stand_in.load("h100")
    vgpu = description["gpu"][0]["vgpu"][0]
    description["gpu"][0]["vgpu"] = [
        {**vgpu, "vm_id": ""},
        {**vgpu, "id": 2, "vm_id": "7", "vm_id_type": 0},
    ]
    active, _ = host.ask(description, "result = backend.active()")
    assert active == []


def test_part_of_the_metadata_is_not_the_metadata(host: Host) -> None:
    """A server with two vGPUs, one of them unreadable: unknown."""
    description = faulty("nvmlVgpuInstanceGetMetadata", code=UNKNOWN, first=3)
    vgpu = description["gpu"][0]["vgpu"][0]
    vgpu["metadata_grows"] = 0
    description["gpu"][0]["vgpu"] = [vgpu, {**vgpu, "id": 2}]
    metadata, warnings = host.ask(
        description, f"result = backend.vgpu_metadata({SERVER!r})"
    )
    assert metadata == ()
    assert len(warnings) == 1


def test_plugin_not_mine_is_what_is_raised() -> None:
    """SCORE above turns it into its text."""
    assert "nothing to do" in str(PluginNotMine(plugin="nvml", reason="x"))
