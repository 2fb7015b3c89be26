"""Has a host's CPU all that the server uses?

A host is refused only where libvirt would end the migration there. What is
not certain is unknown.
"""

from collections.abc import Callable

from nova_livemig_gpu.model import CpuFacts, HostFacts
from nova_livemig_gpu.scheduler.needs import CpuNeeds, ServerNeeds
from nova_livemig_gpu.scheduler.verdict import CPU_FITS, Verdict

_NAMED = 8


def check(there: HostFacts | None, needs: ServerNeeds) -> Verdict:
    """Judge a host; None: it tells nothing of itself."""
    if needs.cpu is None:
        return Verdict("cpu.server_unknown", None, needs.cpu_unknown)
    if there is None or there.cpu is None:
        return _unknown("it does not tell what its CPU is")
    verdict = _kind(there.cpu, needs.cpu)
    if verdict is not None:
        return verdict
    verdict = _machine_type(there, needs.cpu)
    if verdict is not None:
        return verdict
    for step in _STEPS:
        verdict = step(there.cpu, needs.cpu)
        if verdict is not None:
            return verdict
    return CPU_FITS


def _kind(there: CpuFacts, need: CpuNeeds) -> Verdict | None:
    """What a host tells of its KVM says nothing of what it can emulate."""
    for name, its, servers in (
        ("architecture", there.arch, need.arch),
        ("virt_type", there.virt_type, need.virt_type),
    ):
        if None not in (its, servers) and its != servers:
            return _unknown(f"its {name} is {its}, the server's {servers}")
    return None


def _vendor(there: CpuFacts, need: CpuNeeds) -> Verdict | None:
    if need.vendor is None:
        return None
    if there.vendor is None:
        return _unknown(
            f"its CPU vendor is unknown, the server needs {need.vendor}"
        )
    if there.vendor == need.vendor:
        return None
    return _refusal(
        "cpu.vendor",
        f"its CPU is from {there.vendor}, the server's from {need.vendor}",
        need,
    )


def _model(there: CpuFacts, need: CpuNeeds) -> Verdict | None:
    """A model that cannot be had whole may be had without what the server
    does not have of it either."""
    if need.model is None or need.model in there.models:
        return None
    return _unknown(
        f"whether its CPU {there.model} can be the {need.model} that the "
        "server has is unknown"
    )


def _features(there: CpuFacts, need: CpuNeeds) -> Verdict | None:
    if not need.features:
        return None
    if not there.features:
        return _unknown(
            "its CPU features are unknown, the server needs "
            + _some(need.features)
        )
    missing = need.features - there.features
    if not missing:
        return None
    return _refusal(
        "cpu.features",
        f"its CPU {there.model} lacks {_some(missing)}, which the server has",
        need,
    )


def _tsc(there: CpuFacts, need: CpuNeeds) -> Verdict | None:
    """libvirt accepts a difference of 250 ppm (cpu/cpu_x86.c)."""
    if need.tsc_hz is None or there.tsc_scaling:
        return None
    if there.tsc_hz is None:
        return _unknown(
            f"its TSC is unknown, the server needs {need.tsc_hz} Hz"
        )
    if abs(there.tsc_hz - need.tsc_hz) * 4000 <= need.tsc_hz:
        return None
    if there.tsc_scaling is None:
        return _unknown(
            "it is unknown whether its TSC scales to the server's "
            f"{need.tsc_hz} Hz"
        )
    return _refusal(
        "cpu.tsc",
        f"its TSC runs at {there.tsc_hz} Hz and does not scale, the server "
        f"needs {need.tsc_hz} Hz",
        need,
    )


_STEPS: tuple[Callable[[CpuFacts, CpuNeeds], Verdict | None], ...] = (
    _vendor,
    _model,
    _features,
    _tsc,
)


def _machine_type(there: HostFacts, need: CpuNeeds) -> Verdict | None:
    wanted = need.machine_type
    if wanted is None or wanted in there.machine_types:
        return None
    if not there.machine_types:
        return _unknown(
            f"its machine types are unknown, the server needs {wanted}"
        )
    return Verdict(
        "cpu.machine_type",
        False,
        f"its QEMU ({there.qemu or 'of unknown version'}) has no machine "
        f"type {wanted}, which the server has",
    )


def _refusal(code: str, reason: str, need: CpuNeeds) -> Verdict:
    """It is none where the server may need less than is assumed."""
    if need.assumed is None:
        return Verdict(code, False, reason)
    return Verdict("cpu.server_unknown", None, f"{reason}: {need.assumed}")


def _unknown(reason: str) -> Verdict:
    return Verdict("cpu.unknown", None, reason)


def _some(features: frozenset[str]) -> str:
    names = sorted(features)
    more = len(names) - _NAMED
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
