"""What NVML's verdict on a running vGPU and a physical GPU means."""

from nova_livemig_gpu.gpu.nvml_metadata import VgpuMetadata
from nova_livemig_gpu.model import Compatibility

#: nvml.h nvmlVgpuVmCompatibility_t
_LIVE = 0x8
_STATES = {0x1: "cold", 0x2: "hibernate", 0x4: "sleep", _LIVE: "live"}

#: nvml.h nvmlVgpuPgpuCompatibilityLimitCode_t
_HOST, _GUEST, _GPU, _OTHER = 0x1, 0x2, 0x4, 0x80000000
_LIMITS = {
    _HOST: "host_driver",
    _GUEST: "guest_driver",
    _GPU: "gpu",
    _OTHER: "other",
}
_BECAUSE = {
    "host_driver": "the drivers of the two hosts do not fit together",
    "guest_driver": "the driver in the guest does not fit this host's",
    "gpu": "it is another GPU",
    "other": "of something that NVML does not name",
}


def decide(vm_bits: int, limit_bits: int, vgpu: VgpuMetadata) -> Compatibility:
    """Return what NVML's bits mean for a live migration.

    As long as the driver in the guest has not told its version, a limit by
    the guest driver alone means nothing yet: unknown.
    """
    states = tuple(
        name for bit, name in sorted(_STATES.items()) if vm_bits & bit
    )
    limits = tuple(name for bit, name in _LIMITS.items() if limit_bits & bit)
    if vm_bits & _LIVE:
        return Compatibility(
            True, "NVML: the vGPU can be migrated live", states, limits
        )
    if limit_bits == _GUEST and not vgpu.guest_known:
        return Compatibility(
            None,
            "NVML cannot tell before the driver in the guest has started",
            states,
            limits,
        )
    return Compatibility(False, _refusal(states, limits), states, limits)


def unknown(reason: str) -> Compatibility:
    return Compatibility(None, reason)


def _refusal(states: tuple[str, ...], limits: tuple[str, ...]) -> str:
    because = ", and ".join(_BECAUSE[each] for each in limits)
    still = f" (it could go on there from: {', '.join(states)})"
    return (
        "NVML: the vGPU cannot be migrated live, because "
        + (because or _BECAUSE["other"])
        + (still if states else "")
    )
