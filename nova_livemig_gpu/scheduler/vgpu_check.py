"""Has a host a GPU for the server's vGPUs, and room on it?

What does not change by the minute is judged once for hosts with an equal
base (:func:`plan`), what does for each host (:meth:`Plan.check`).
"""

from dataclasses import dataclass

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.facts.base import Base
from nova_livemig_gpu.facts.now import CERTAIN, OR_MORE
from nova_livemig_gpu.scheduler import gpu_check
from nova_livemig_gpu.scheduler.needs import ServerNeeds, VgpuNeeds
from nova_livemig_gpu.scheduler.verdict import (
    NO_VGPU,
    VGPU_FITS,
    Treatment,
    Verdict,
    treat,
    worst,
)

NO_FACTS = Verdict("vgpu.unknown", None, "it does not tell what GPUs it has")


@dataclass(frozen=True)
class Slot:
    """A type on a model of GPU that the vGPU could go on with.

    :ivar index: into ``Now.totals``
    :ivar doubt: what is unknown of it; None: nothing
    """

    index: int
    doubt: Verdict | None


@dataclass(frozen=True)
class Place:
    """Where equal vGPUs could go on, best first."""

    need: VgpuNeeds
    slots: tuple[Slot, ...]

    def check(self, totals: bytes) -> Verdict:
        """Judge with the counts of one host."""
        known, doubt, unknown = 0, None, False
        for slot in self.slots:
            total = totals[slot.index]
            unknown = unknown or bool(total & OR_MORE)
            certain = total & CERTAIN
            if certain:
                known += certain
                doubt = doubt or slot.doubt
            if known >= self.need.count:
                return doubt or VGPU_FITS
        return self._full(known, unknown)

    def _full(self, known: int, unknown: bool) -> Verdict:
        need = self.need
        code = "vgpu.capacity_unknown" if unknown else "vgpu.full"
        room = str(known)
        if unknown:
            room = f"{known} or more" if known else "an unknown number"
        return Verdict(
            code,
            None if unknown else False,
            f"it has room for {room} of {need.type.name or need.type.type_id}"
            f", the server needs {need.count}",
        )


class Plan:
    """What the bases of hosts say of a server's vGPUs.

    :ivar verdict: of all hosts with this base; None: it depends on the room
    :ivar only: index into ``Now.totals`` that decides alone where at least
        one is certain, in the usual case of one vGPU and one model; -1: ask
        ``check``
    """

    __slots__ = ("_told", "only", "places", "rules", "verdict")

    def __init__(
        self,
        rules: Rules,
        verdict: Verdict | None,
        places: tuple[Place, ...] = (),
    ) -> None:
        self.rules = rules
        self.verdict = verdict
        self.places = places
        self._told: dict[bytes, Verdict] = {}
        self.only = -1
        if verdict is None and len(places) == 1:
            first = places[0].slots[0]
            if first.doubt is None and places[0].need.count == 1:
                self.only = first.index

    def check(self, totals: bytes) -> Verdict:
        """Judge one host by the counts on it, see :class:`Now`."""
        if self.verdict is not None:
            return self.verdict
        told = self._told.get(totals)
        if told is None:
            found = (place.check(totals) for place in self.places)
            told = worst(found, self.rules) or VGPU_FITS
            self._told[totals] = told
        return told


def plan(base: Base | None, needs: ServerNeeds, rules: Rules) -> Plan:
    """Judge all hosts with this base; None: those that tell nothing."""
    if needs.vgpus is None:
        reason = needs.vgpus_unknown
        return Plan(rules, Verdict("vgpu.server_unknown", None, reason))
    if not needs.vgpus:
        return Plan(rules, NO_VGPU)
    if base is None or base.addresses is None:
        return Plan(rules, NO_FACTS)
    places = []
    for need in needs.vgpus:
        found = _place(base, need, rules)
        if isinstance(found, Verdict):
            return Plan(rules, found)
        places.append(found)
    return Plan(rules, None, tuple(places))


def _place(base: Base, need: VgpuNeeds, rules: Rules) -> Place | Verdict:
    slots: list[Slot] = []
    against: list[Verdict] = []
    for number, model in enumerate(base.models):
        finding = worst(gpu_check.findings(model, need, rules), rules)
        if finding and treat(finding, rules) is Treatment.REFUSE:
            against.append(finding)
            continue
        index = gpu_check.find_type(model, need.type)
        assert index is not None
        slots.append(Slot(base.starts[number] + index, finding))
    if slots:
        slots.sort(key=lambda slot: slot.doubt is not None)
        return Place(need, tuple(slots))
    if not against:
        return Verdict(
            "vgpu.no_gpu",
            False,
            f"it has no GPU, the server's vGPU needs {need.gpu.name}",
        )
    return max(against, key=gpu_check.nearness)
