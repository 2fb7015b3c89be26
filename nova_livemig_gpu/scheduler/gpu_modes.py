"""Checks of how a GPU is set up: ECC, MIG, host vGPU mode, migration.

See :mod:`.gpu_check`.
"""

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.model import GpuDevice
from nova_livemig_gpu.scheduler.exactness import NVML, nvml_decides
from nova_livemig_gpu.scheduler.needs import VgpuNeeds
from nova_livemig_gpu.scheduler.verdict import Verdict


def ecc(there: GpuDevice, need: VgpuNeeds, rules: Rules) -> Verdict | None:
    return _mode("vgpu.ecc", "ECC", "ecc", there, need, rules)


def mig(there: GpuDevice, need: VgpuNeeds, rules: Rules) -> Verdict | None:
    return _mode("vgpu.mig", "MIG", "mig", there, need, rules)


def vgpu_mode(
    there: GpuDevice, need: VgpuNeeds, rules: Rules
) -> Verdict | None:
    name = "host vGPU mode"
    return _mode("vgpu.mode", name, "vgpu_mode", there, need, rules)


def migratable(
    there: GpuDevice, need: VgpuNeeds, rules: Rules
) -> Verdict | None:
    ends = (("its own", there), ("the server's", need.gpu))
    for which, gpu in ends:
        if gpu.migratable is False:
            return Verdict(
                "vgpu.not_migratable",
                False,
                f"the driver of {which} {gpu.name} cannot migrate vGPUs",
            )
    for which, gpu in ends:
        if gpu.migratable is None and gpu.streaming is not True:
            return Verdict(
                "vgpu.migratable_unknown",
                None,
                f"it is unknown whether the driver of {which} {gpu.name} "
                "can migrate vGPUs",
            )
    return None


def _mode(
    code: str,
    what: str,
    field: str,
    there: GpuDevice,
    need: VgpuNeeds,
    rules: Rules,
) -> Verdict | None:
    """Compare a mode; unknown at both ends is equal, see the option.

    :param field: of ``GpuDevice``
    """
    here, wanted = getattr(there, field), getattr(need.gpu, field)
    by_nvml = rules.gpu_mode_match == NVML
    if here == wanted or (by_nvml and nvml_decides(there, need)):
        return None
    sentence = (
        f"{what} of {there.name} is {_word(here)}, the server's vGPU needs "
        f"{_word(wanted)}"
    )
    if here is None or wanted is None:
        return Verdict(f"{code}_unknown", None, sentence)
    if by_nvml:
        return Verdict(f"{code}_differs", None, sentence)
    return Verdict(code, False, sentence)


def _word(value: bool | str | None) -> str:
    if value is None:
        return "unknown"
    return value if isinstance(value, str) else ("on" if value else "off")
