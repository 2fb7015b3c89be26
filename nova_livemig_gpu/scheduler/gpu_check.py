"""Could a vGPU that runs on one GPU go on, on another? Without capacity.

The last word is NVML's, at the destination, later. By default these checks
leave to it what it will judge (:mod:`.exactness`), and refuse only what Nova,
libvirt and NVML would refuse too: another kind or type of vGPU, a driver that
cannot migrate. Each takes the GPU there, the need and the rules, and returns
None where there is nothing against it.
"""

import re
from collections.abc import Callable, Iterator

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.model import GpuDevice, VgpuKind, VgpuType
from nova_livemig_gpu.scheduler import gpu_modes
from nova_livemig_gpu.scheduler.exactness import NVML, nvml_decides
from nova_livemig_gpu.scheduler.needs import VgpuNeeds
from nova_livemig_gpu.scheduler.verdict import Verdict

Check = Callable[[GpuDevice, VgpuNeeds, Rules], Verdict | None]


def findings(
    there: GpuDevice, need: VgpuNeeds, rules: Rules
) -> Iterator[Verdict]:
    """Yield what is against it, up to the first refusal.

    In a fixed order, from what makes a GPU wholly wrong to what an operator
    can set: so that of several GPUs the one with most findings passed is
    the nearest.
    """
    for check in CHECKS:
        verdict = check(there, need, rules)
        if verdict is not None:
            yield verdict
            if verdict.ok is False:
                return


def nearness(verdict: Verdict) -> int:
    """Return how far down the checks a GPU has come."""
    kind = verdict.code.removesuffix("_unknown").removesuffix("_differs")
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER)


def find_type(there: GpuDevice, wanted: VgpuType) -> int | None:
    """Return the index of a type on a GPU; None: it has no such type.

    Nova asks for the same ID (nova/virt/libvirt/driver.py,
    check_source_migrate_data_at_dest). Drivers may give one ID to two
    types, so a name that differs is another type.
    """
    for index, each in enumerate(there.types):
        if each.type_id != wanted.type_id:
            continue
        names = {_own_name(each), _own_name(wanted)} - {None}
        if len(names) < 2:
            return index
    return None


def _own_name(vgpu: VgpuType) -> str | None:
    """Return a type's name without its maker's, which NVIDIA has changed
    from release to release ("GRID A40-8Q", "NVIDIA A40-8Q"); None: only the
    number is known, as of a virtual function that has its type."""
    name = _MAKER.sub("", vgpu.name).strip()
    return None if name in ("", vgpu.type_id) else name


_MAKER = re.compile(r"^(?:GRID|NVIDIA)\s+", re.ASCII)


def _kind(there: GpuDevice, need: VgpuNeeds, rules: Rules) -> Verdict | None:
    if there.kind is need.gpu.kind:
        return None
    given = there.kind.value if there.kind else "no"
    wanted = need.gpu.kind.value if need.gpu.kind else "unknown"
    return Verdict(
        "vgpu.kind",
        False,
        f"{there.name} gives {given} vGPUs, the server's is of kind {wanted}",
    )


def _type(there: GpuDevice, need: VgpuNeeds, rules: Rules) -> Verdict | None:
    if find_type(there, need.type) is not None:
        return None
    if _lists_free_types_only(there, need):
        return Verdict(
            "vgpu.full",
            False,
            f"{there.name} has no {need.type.name or need.type.type_id} that "
            "is idle, and can make none now",
        )
    given = ", ".join(f"{t.name} ({t.type_id})" for t in there.types[:4])
    return Verdict(
        "vgpu.type",
        False,
        f"{there.name} has no vGPU type {need.type.name} "
        f"({need.type.type_id}), which the server has; it has "
        + (given or "none")
        + (", ..." if len(there.types) > 4 else ""),
    )


def _lists_free_types_only(there: GpuDevice, need: VgpuNeeds) -> bool:
    """Whether a type that is not listed may be one that the GPU has.

    Of virtual functions the kernel tells the types that they have, and those
    that can be made now; NVML alone tells all that a GPU has.
    """
    return (
        there.kind is VgpuKind.VF
        and there.vgpu_manager is None
        and all(each.type_id != need.type.type_id for each in there.types)
    )


def _board(there: GpuDevice, need: VgpuNeeds, rules: Rules) -> Verdict | None:
    if rules.board_match == NVML and nvml_decides(there, need):
        return None
    by_name = _no_pci(need.gpu)
    heres = _identities(there, rules, by_name)
    wants = _identities(need.gpu, rules, by_name)
    alike = [(h, w) for h, w in zip(heres, wants, strict=True) if h and w]
    if not alike:
        here = next(filter(None, heres), "unknown")
        wanted = next(filter(None, wants), "an unknown one")
        return Verdict(
            "vgpu.board_unknown",
            None,
            f"board of {there.name} is {here}, the server's vGPU needs "
            f"{wanted} ({need.gpu.name})",
        )
    here, wanted = alike[0]
    if here == wanted:
        return None
    sentence = (
        f"board is {here} ({there.name}), the server's vGPU needs {wanted} "
        f"({need.gpu.name})"
    )
    if rules.board_match == NVML and not by_name:
        return Verdict("vgpu.board_differs", None, sentence)
    return Verdict("vgpu.board", False, sentence)


def _identities(
    gpu: GpuDevice, rules: Rules, by_name: bool
) -> tuple[str | None, str | None]:
    """Return what names a board, best first.

    Only like is compared with like: what NVML and the kernel call the same
    board differs, and a host may have only one of them to ask.
    """
    if by_name:
        return (gpu.board or gpu.name, None)
    if rules.board_match != "model":
        return (gpu.board, gpu.pci_ids)
    if gpu.memory_mib is None:
        return (None, None)
    return (f"{gpu.name}, {gpu.memory_mib} MiB", None)


def _no_pci(gpu: GpuDevice) -> bool:
    """Whether it is a parent such as mtty, which has no board and no
    version of a driver but its name."""
    return ":" not in gpu.address


def _driver(there: GpuDevice, need: VgpuNeeds, rules: Rules) -> Verdict | None:
    pairs = (
        ("driver", there.driver, need.gpu.driver),
        ("vGPU manager", there.vgpu_manager, need.gpu.vgpu_manager),
    )
    rule = rules.driver_match
    if rule == "any" or (rule == NVML and nvml_decides(there, need)):
        return None
    if _no_pci(need.gpu) and need.gpu.driver is None:
        return None
    for what, here, wanted in pairs:
        if here is None or wanted is None:
            continue
        if not _matches(here, wanted, rule):
            sentence = (
                f"{what} of {there.name} is {here}, the server's vGPU "
                + _WORDS[rule].format(wanted)
            )
            if rule == NVML:
                return Verdict("vgpu.driver_differs", None, sentence)
            return Verdict("vgpu.driver", False, sentence)
    if there.driver is not None and need.gpu.driver is not None:
        return None
    return Verdict(
        "vgpu.driver_unknown",
        None,
        f"driver of {there.name} is {there.driver or 'unknown'}, the "
        f"server's vGPU has {need.gpu.driver or 'an unknown one'}",
    )


_WORDS = {
    NVML: "has {}",
    "equal": "needs {}",
    "branch": "needs the branch of {}",
    "not_older": "needs {} or newer",
}


def _matches(here: str, wanted: str, rule: str) -> bool:
    if rule == "branch":
        return here.partition(".")[0] == wanted.partition(".")[0]
    if rule == "not_older":
        return _numbers(here) >= _numbers(wanted)
    return here == wanted


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(each[:9]) for each in re.findall(r"[0-9]+", version))


CHECKS: tuple[Check, ...] = (
    _kind,
    _type,
    _board,
    _driver,
    gpu_modes.ecc,
    gpu_modes.mig,
    gpu_modes.vgpu_mode,
    gpu_modes.migratable,
)
_ORDER = (
    "vgpu.kind",
    "vgpu.type",
    "vgpu.board",
    "vgpu.driver",
    "vgpu.ecc",
    "vgpu.mig",
    "vgpu.mode",
    "vgpu.migratable",
    "vgpu.not_migratable",
)
