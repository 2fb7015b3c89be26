"""What a check says of a host, and what the options make of it.

Codes are frozen: logs, tests and operators' scripts know them. A code is
never reused for another meaning.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from nova_livemig_gpu.conf.scheduler import Rules


@dataclass(frozen=True, slots=True)
class Verdict:
    """Can the server live on this host?

    :ivar code: stable name of the finding
    :ivar ok: None: unknown
    :ivar reason: what is there and what is needed, without the host's name,
        so that equal hosts share a verdict
    """

    code: str
    ok: bool | None
    reason: str

    def tell(self, host: str) -> str:
        """Return the sentence for one host."""
        return f"{host}: {self.reason}"


class Treatment(Enum):
    """What becomes of a host."""

    TAKE = "allow"
    TAKE_ALOUD = "warn"
    REFUSE = "refuse"


#: code -> the option that decides when the finding is "unknown"
OPTIONS = {
    "cpu.unknown": "unknown_cpu",
    "cpu.server_unknown": "unknown_cpu",
    "vgpu.unknown": "unknown_facts",
    "vgpu.server_unknown": "unknown_facts",
    "vgpu.board_unknown": "unknown_board",
    "vgpu.board_differs": "unknown_board",
    "vgpu.driver_unknown": "unknown_driver",
    "vgpu.driver_differs": "unknown_driver",
    "vgpu.ecc_unknown": "unknown_gpu_mode",
    "vgpu.ecc_differs": "unknown_gpu_mode",
    "vgpu.mig_unknown": "unknown_gpu_mode",
    "vgpu.mig_differs": "unknown_gpu_mode",
    "vgpu.mode_unknown": "unknown_gpu_mode",
    "vgpu.mode_differs": "unknown_gpu_mode",
    "vgpu.migratable_unknown": "unknown_migratable",
    "vgpu.capacity_unknown": "unknown_capacity",
}

#: findings that the server's own settings take, aloud
ACCEPTED = frozenset({"vgpu.stun_accepted"})

#: findings that say no
REFUSALS = frozenset(
    {
        "cpu.vendor",
        "cpu.features",
        "cpu.tsc",
        "cpu.machine_type",
        "vgpu.no_gpu",
        "vgpu.kind",
        "vgpu.type",
        "vgpu.board",
        "vgpu.driver",
        "vgpu.ecc",
        "vgpu.mig",
        "vgpu.mode",
        "vgpu.not_migratable",
        "vgpu.full",
        "vgpu.stun",
    }
)

#: Refusals that are as old as a host's facts, a minute or so, where Placement
#: has counted now: they leave a host out only while another one remains.
LAST_RESORT = frozenset({"vgpu.full"})

CPU_FITS = Verdict("cpu.ok", True, "its CPU has all that the server uses")
VGPU_FITS = Verdict("vgpu.ok", True, "it has a vGPU for the server")
NO_VGPU = Verdict("vgpu.none_needed", True, "the server has no vGPU")


def treat(verdict: Verdict, rules: Rules) -> Treatment:
    """Return what the options say of a verdict."""
    if verdict.ok is not None:
        return Treatment.TAKE if verdict.ok else Treatment.REFUSE
    if verdict.code in ACCEPTED:
        return Treatment.TAKE_ALOUD
    return Treatment(getattr(rules, OPTIONS[verdict.code]))


_ORDER = (Treatment.TAKE, Treatment.TAKE_ALOUD, Treatment.REFUSE)


def worst(verdicts: Iterable[Verdict], rules: Rules) -> Verdict | None:
    """Return the finding that weighs most; None where there is none.

    A refusal weighs more than what is unknown; of unknowns the one whose
    option is strictest. Of equals the first.
    """
    top: Verdict | None = None
    for verdict in verdicts:
        if verdict.ok is False:
            return verdict
        if top is None or _rank(verdict, rules) > _rank(top, rules):
            top = verdict
    return top


def _rank(verdict: Verdict, rules: Rules) -> tuple[int, bool]:
    return _ORDER.index(treat(verdict, rules)), verdict.ok is None
