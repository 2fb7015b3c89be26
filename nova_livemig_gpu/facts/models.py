"""A GPU in the string of :mod:`.base`, without address and counts.

As a list::

    [name, kind, board, memory MiB, driver, vGPU manager, ECC, MIG,
     vGPU mode, streaming, read MB/s, write MB/s, migratable,
     [[type ID, name, framebuffer MiB], ...], PCI IDs]

Version 1 ends with the types; its ``board`` is the part number or, where
NVML did not tell one, the PCI IDs.
"""

import re
from dataclasses import replace
from typing import Any

from nova_livemig_gpu.facts import checked
from nova_livemig_gpu.facts.envelope import Malformed
from nova_livemig_gpu.model import GpuDevice, VgpuKind, VgpuType

_FIELDS = {"1": 14, "2": 15, "3": 15}
_PCI_IDS = re.compile(r"[0-9a-f]{4}(:[0-9a-f]{4}){3}", re.ASCII)


def encode(gpu: GpuDevice) -> list[Any]:
    """Return the list of a GPU, as in the newest version."""
    return [
        gpu.name,
        gpu.kind.value if gpu.kind else None,
        gpu.board,
        gpu.memory_mib,
        gpu.driver,
        gpu.vgpu_manager,
        gpu.ecc,
        gpu.mig,
        gpu.vgpu_mode,
        gpu.streaming,
        gpu.read_mb_s,
        gpu.write_mb_s,
        gpu.migratable,
        [[t.type_id, t.name, t.framebuffer_mib] for t in gpu.types],
        gpu.pci_ids,
    ]


def decode(value: Any, version: str) -> GpuDevice:
    """:raises Malformed: it is not the list of a GPU"""
    row = checked.row(value, _FIELDS[version])
    gpu = GpuDevice(
        address="",
        name=checked.text(row[0]),
        kind=_kind(row[1]),
        board=checked.text_or_none(row[2]),
        memory_mib=checked.number_or_none(row[3]),
        driver=checked.text_or_none(row[4]),
        vgpu_manager=checked.text_or_none(row[5]),
        ecc=checked.truth_or_none(row[6]),
        mig=checked.truth_or_none(row[7]),
        vgpu_mode=checked.text_or_none(row[8]),
        streaming=checked.truth_or_none(row[9]),
        read_mb_s=checked.number_or_none(row[10]),
        write_mb_s=checked.number_or_none(row[11]),
        migratable=checked.truth_or_none(row[12]),
        types=tuple(_type(each) for each in checked.rows(row[13])),
    )
    if version == "1":
        return _sorted_out(gpu)
    return replace(gpu, pci_ids=checked.text_or_none(row[14]))


def _sorted_out(gpu: GpuDevice) -> GpuDevice:
    if gpu.board is not None and _PCI_IDS.fullmatch(gpu.board):
        return replace(gpu, board=None, pci_ids=gpu.board)
    return gpu


def _kind(value: Any) -> VgpuKind | None:
    if value is None:
        return None
    try:
        return VgpuKind(checked.text(value))
    except ValueError as exc:
        raise Malformed("unknown kind of vGPU") from exc


def _type(value: Any) -> VgpuType:
    row = checked.row(value, 3)
    return VgpuType(
        checked.text(row[0]),
        checked.text(row[1]),
        checked.number_or_none(row[2]),
    )
