"""Will NVML give its exact verdict on a migration?

The destination asks its NVML whether the running vGPU could go on there
(nvmlGetVgpuCompatibility, see ``virt.exact``), with what the source's NVML
says of it. That verdict is on drivers, boards and modes alike, and knows
which of them go together: versions that differ may, as in a rolling upgrade.
"""

from nova_livemig_gpu.model import GpuDevice
from nova_livemig_gpu.scheduler.needs import VgpuNeeds

#: Choice of ``driver_match``, ``board_match`` and ``gpu_mode_match``.
NVML = "nvml"


def nvml_decides(there: GpuDevice, need: VgpuNeeds) -> bool:
    """Whether both ends can take part in it.

    NVML alone tells the version of the vGPU manager, from the very metadata
    that the verdict is made of: a host that tells it can be asked.
    """
    return None not in (there.vgpu_manager, need.gpu.vgpu_manager)
