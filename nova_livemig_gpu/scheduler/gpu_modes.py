"""Checks of how a GPU is set up: ECC, MIG, host vGPU mode, migration.

See :mod:`.gpu_check`.
"""

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.model import GpuDevice
from nova_livemig_gpu.scheduler.needs import VgpuNeeds
from nova_livemig_gpu.scheduler.verdict import Verdict


def ecc(there: GpuDevice, need: VgpuNeeds, rules: Rules) -> Verdict | None:
    return _mode("vgpu.ecc", "ECC", there.ecc, need.gpu.ecc, there.name)


def mig(there: GpuDevice, need: VgpuNeeds, rules: Rules) -> Verdict | None:
    return _mode("vgpu.mig", "MIG", there.mig, need.gpu.mig, there.name)


def vgpu_mode(
    there: GpuDevice, need: VgpuNeeds, rules: Rules
) -> Verdict | None:
    return _mode(
        "vgpu.mode",
        "host vGPU mode",
        there.vgpu_mode,
        need.gpu.vgpu_mode,
        there.name,
    )


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
    here: bool | str | None,
    wanted: bool | str | None,
    name: str,
) -> Verdict | None:
    """Compare a mode; unknown at both ends is equal, see the option."""
    if here == wanted:
        return None
    sentence = (
        f"{what} of {name} is {_word(here)}, the server's vGPU needs "
        f"{_word(wanted)}"
    )
    if here is None or wanted is None:
        return Verdict(f"{code}_unknown", None, sentence)
    return Verdict(code, False, sentence)


def _word(value: bool | str | None) -> str:
    if value is None:
        return "unknown"
    return value if isinstance(value, str) else ("on" if value else "off")
