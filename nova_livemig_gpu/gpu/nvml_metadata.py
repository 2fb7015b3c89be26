"""Reads the part of NVML's metadata that is not opaque.

Metadata of a running vGPU come from another host, so that nothing in them
is trusted: NVML itself reads as far as the size in their header says.
"""

import struct
from dataclasses import dataclass

#: nvml.h nvmlVgpuMetadata_t up to opaqueData: version, revision,
#: guestInfoState, guestDriverVersion[80], hostDriverVersion[80],
#: reserved[6], vgpuVirtualizationCaps, guestVgpuVersion, opaqueDataSize
_VGPU = struct.Struct("=3I80s80s24xIII")

#: nvml.h nvmlVgpuPgpuMetadata_t up to opaqueData: version, revision,
#: hostDriverVersion[80], pgpuVirtualizationCaps, reserved[5],
#: hostSupportedVgpuRange (two), opaqueDataSize
_PGPU = struct.Struct("=2I80sI20xIII")

#: nvml.h NVML_VGPU_INSTANCE_GUEST_INFO_STATE_INITIALIZED
_GUEST_KNOWN = 1
#: nvml.h NVML_VGPU_VIRTUALIZATION_CAP_MIGRATION, bit 0, and the same for
#: the physical GPU
_CAN_MIGRATE = 1


@dataclass(frozen=True)
class VgpuMetadata:
    """Of a running vGPU.

    :ivar guest_known: the driver in the guest has started; only then NVML's
        limits on it mean something
    :ivar guest_driver: its version; None: not known yet
    """

    guest_known: bool
    guest_driver: str | None
    host_driver: str | None
    migratable: bool


@dataclass(frozen=True)
class PgpuMetadata:
    """Of a physical GPU.

    :ivar host_driver: version of the driver that manages its vGPUs
    """

    host_driver: str | None
    migratable: bool


def vgpu(raw: bytes) -> VgpuMetadata | None:
    """Read nvmlVgpuMetadata_t; None: it is none, or it is cut off."""
    if not _whole(_VGPU, raw):
        return None
    _, _, state, guest, host, caps, _, _ = _VGPU.unpack_from(raw)
    known = state == _GUEST_KNOWN
    return VgpuMetadata(
        guest_known=known,
        guest_driver=_text(guest) if known else None,
        host_driver=_text(host),
        migratable=bool(caps & _CAN_MIGRATE),
    )


def pgpu(raw: bytes) -> PgpuMetadata | None:
    """Read nvmlVgpuPgpuMetadata_t; None: it is none, or it is cut off."""
    if not _whole(_PGPU, raw):
        return None
    _, _, host, caps, _, _, _ = _PGPU.unpack_from(raw)
    return PgpuMetadata(_text(host), bool(caps & _CAN_MIGRATE))


def _whole(header: struct.Struct, raw: bytes) -> bool:
    if len(raw) < header.size:
        return False
    opaque_bytes: int = header.unpack_from(raw)[-1]
    return opaque_bytes <= len(raw) - header.size


def _text(raw: bytes) -> str | None:
    try:
        return raw.split(b"\0", 1)[0].decode("ascii").strip() or None
    except UnicodeDecodeError:
        return None
