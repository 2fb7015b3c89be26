"""What of a host seldom changes: its CPU, software, GPUs and their types.

Sealed (see :mod:`.envelope`) under the key ``livemig_gpu``, as a list::

    [package version, Nova release, cpu, cpu mode, [machine types],
     QEMU, libvirt, kernel, models, gpus,
     max_downtime_ms, over_budget]

    cpu     null or [vendor, model, [features], TSC Hz, TSC scaling, [models],
            architecture, "kvm" or "qemu"]
    models  [see :mod:`.models`, ...]
    gpus    null (unknown) or [[address, index in models], ...]

Version 1 ends with ``gpus``, and up to version 2 the CPU's row ends with its
models.

Equal GPUs share a model, so that eight of them cost little more than one,
and hosts with equal hardware and software have equal strings.
"""

from dataclasses import replace
from typing import Any

from nova_livemig_gpu.facts import checked, envelope, models
from nova_livemig_gpu.facts.envelope import Malformed
from nova_livemig_gpu.model import (
    CpuFacts,
    GpuDevice,
    HostFacts,
    OverBudget,
    VgpuType,
)

KEY = "livemig_gpu"
VERSION = "3"

#: Fields of the list, by version.
_FIELDS = {"1": 10, "2": 12, "3": 12}
_CPU_FIELDS = {"1": 6, "2": 6, "3": 8}


class Base:
    """The part of a host's facts that seldom changes, decoded.

    Compared by identity: whoever decodes keeps one for equal strings.

    :ivar text: the string it was decoded from
    :ivar version: of its form
    :ivar digest: names its content
    :ivar facts: without GPUs, vGPUs in use and counters
    :ivar models: the different GPUs, without address and counts
    :ivar addresses: of the GPUs; None: the GPUs are unknown
    :ivar model_of: for each address the index of its model
    :ivar starts: for each model the index of its first type, counted over
        all models
    """

    __slots__ = (
        "addresses",
        "digest",
        "facts",
        "model_of",
        "models",
        "starts",
        "text",
        "version",
    )

    def __init__(
        self,
        text: str,
        facts: HostFacts,
        models: tuple[GpuDevice, ...],
        gpus: tuple[tuple[str, int], ...] | None,
    ) -> None:
        self.text = text
        self.version = text.partition(".")[0]
        self.digest = envelope.digest_of(text)
        self.facts = facts
        self.models = models
        self.addresses = None if gpus is None else tuple(g[0] for g in gpus)
        self.model_of = tuple(index for _, index in gpus or ())
        self.starts = _starts(models)


def _starts(models: tuple[GpuDevice, ...]) -> tuple[int, ...]:
    starts = []
    total = 0
    for model in models:
        starts.append(total)
        total += len(model.types)
    return tuple(starts)


def sorted_gpus(facts: HostFacts) -> tuple[GpuDevice, ...]:
    """Return the GPUs and their types in the order of the strings."""
    gpus = (
        replace(gpu, types=tuple(sorted(gpu.types, key=_type_order)))
        for gpu in facts.gpus or ()
    )
    return tuple(sorted(gpus, key=lambda gpu: (gpu.address, repr(gpu))))


def _type_order(each: VgpuType) -> tuple[str, str, str]:
    return each.type_id, each.name, repr(each)


def encode(facts: HostFacts) -> str:
    """Return the string of a host."""
    known: dict[str, int] = {}
    rows: list[Any] = []
    gpus: list[Any] | None = None if facts.gpus is None else []
    for gpu in sorted_gpus(facts):
        row = models.encode(gpu)
        key = repr(row)
        if key not in known:
            known[key] = len(rows)
            rows.append(row)
        if gpus is not None:
            gpus.append([gpu.address, known[key]])
    return envelope.seal(
        [
            facts.version,
            facts.nova_release,
            _cpu_row(facts.cpu),
            facts.cpu_mode,
            sorted(facts.machine_types),
            facts.qemu,
            facts.libvirt,
            facts.kernel,
            rows,
            gpus,
            facts.max_downtime_ms,
            facts.over_budget,
        ],
        VERSION,
    )


def decode(text: Any) -> Base:
    """:raises Malformed: it is not a string of ours"""
    version, value = envelope.unseal(text, _FIELDS)
    row = checked.row(value, _FIELDS[version])
    facts = HostFacts(
        version=checked.text(row[0]),
        nova_release=checked.number_or_none(row[1]),
        cpu=_cpu(row[2], version),
        cpu_mode=checked.text_or_none(row[3]),
        machine_types=checked.texts(row[4]),
        qemu=checked.text_or_none(row[5]),
        libvirt=checked.text_or_none(row[6]),
        kernel=checked.text_or_none(row[7]),
    )
    if version != "1":
        facts = replace(
            facts,
            max_downtime_ms=checked.number_or_none(row[10]),
            over_budget=_over_budget(row[11]),
        )
    found = tuple(
        models.decode(each, version) for each in checked.rows(row[8])
    )
    return Base(text, facts, found, _gpus(row[9], len(found)))


def _over_budget(value: Any) -> str | None:
    if value not in (None, *(each.value for each in OverBudget)):
        raise Malformed("unknown over_budget")
    return checked.text_or_none(value)


def _cpu_row(cpu: CpuFacts | None) -> list[Any] | None:
    if cpu is None:
        return None
    return [
        cpu.vendor,
        cpu.model,
        sorted(cpu.features),
        cpu.tsc_hz,
        cpu.tsc_scaling,
        sorted(cpu.models),
        cpu.arch,
        cpu.virt_type,
    ]


def _cpu(value: Any, version: str) -> CpuFacts | None:
    if value is None:
        return None
    row = checked.row(value, _CPU_FIELDS[version])
    arch, virt_type = row[6:] or (None, None)
    return CpuFacts(
        vendor=checked.text_or_none(row[0]),
        model=checked.text_or_none(row[1]),
        features=frozenset(checked.texts(row[2])),
        tsc_hz=checked.number_or_none(row[3]),
        tsc_scaling=checked.truth_or_none(row[4]),
        models=frozenset(checked.texts(row[5])),
        arch=checked.text_or_none(arch),
        virt_type=checked.text_or_none(virt_type),
    )


def _gpus(value: Any, models: int) -> tuple[tuple[str, int], ...] | None:
    if value is None:
        return None
    gpus = []
    for each in checked.rows(value):
        address, index = checked.row(each, 2)
        if checked.number(index) >= models:
            raise Malformed("a GPU without a model")
        gpus.append((checked.text(address), index))
    return tuple(gpus)
