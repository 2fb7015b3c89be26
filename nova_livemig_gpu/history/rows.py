"""An entry as a row: columns that are asked for, and a compressed body.

Where a figure means nothing its column is NULL, so that no query has to know
when it does: the overhead of a pause that was forced, of post-copy or with a
VFIO device, say. The points of the curve are packed, 13 bytes each (three
digits of variance and age); the body is JSON without them, compressed with a
dictionary.
"""

import math
import struct
import uuid
import zlib
from dataclasses import replace
from typing import Any

from nova_livemig_gpu.history import codec
from nova_livemig_gpu.history.entry import Entry
from nova_livemig_gpu.model import JobState
from nova_livemig_gpu.prediction.merge import Observed

#: Never changed: what was compressed with it needs it.
_DICTIONARY = (
    b'"concurrent":0,"reason":"","forced":true,"throttle_percent":99,'
    b'"state":"failed","state":"cancelled","mode":"postcopy","mode":"hybrid",'
    b'"compression":"zstd","channels":4,"tls":true,"vfio":true,'
    b'"mode":"precopy","stun":{"p50_ms":,"p90_ms":,"framebuffer_bytes":,'
    b'"basis":"nvml"},"factor":0.,"offset_ms":0.,"disk_bytes":'
    b'{"format":1,"migration":"","server":"","source":"compute-",'
    b'"destination":"compute-","ended_at":17,"outcome":{"state":"completed",'
    b'"total_ms":,"downtime_ms":,"sent_bytes":,"passes":},"settings":'
    b'{"limit_ms":},"memory_bytes":,"bandwidth_bps":,"overhead_ms":,'
    b'"queue_bytes":,"prediction":{"converges":true,"total_s":,'
    b'"downtime_ms":,"passes":,"sent_bytes":,"floor_bytes":,"why":'
    b'"the last pass fits into the limit","total_p90_s":,"downtime_p90_ms":'
    b'},"stuns":[{"key":{"gpu":"NVIDIA ","vgpu_type":"NVIDIA ","driver":"",'
    b'"link_mbps":},"framebuffer_bytes":,"stun_s":}],"versions":'
    b'[["nova_livemig_gpu",""],["qemu",""],["libvirt",""],["nova",""]]}'
)
_POINT = struct.Struct("<ffeeB")
_SOURCES = ("measured", "file", "history", "passes")
_MOST_POINTS = 32
#: Most that a half-precision float holds, about.
_MOST_HALF = 65000.0
_PAGE = 4096.0


def columns(entry: Entry) -> dict[str, Any]:
    """Return what an entry is in the table; hosts by name."""
    outcome, settings = entry.outcome, entry.settings
    completed = outcome.state is JobState.COMPLETED
    by_limit = (
        completed
        and settings.mode == "precopy"
        and not (outcome.forced or outcome.postcopy or entry.vfio)
    )
    total_s, model_total_s = _total_s(entry) if completed else (None, None)
    return {
        "migration": key(entry.migration),
        "server": key(entry.server),
        "source": entry.source,
        "destination": entry.destination,
        "ended_at": entry.ended_at,
        "completed": int(completed),
        "plain": int(
            settings.compression is None
            and settings.channels is None
            and not settings.tls
        ),
        "compression": settings.compression,
        "channels": settings.channels,
        "tls": int(settings.tls),
        "bandwidth_bps": entry.bandwidth_bps or None,
        "normal_bytes": entry.normal_bytes or None,
        "resident_bytes": entry.resident_bytes or None,
        "overhead_ms": entry.overhead_ms if by_limit else None,
        "queue_bytes": entry.queue_bytes if completed else None,
        "total_s": total_s,
        "downtime_ms": outcome.downtime_ms if by_limit else None,
        "model_total_s": model_total_s,
        "model_downtime_ms": _model_downtime_ms(entry) if by_limit else None,
        "points": _pack(entry.curve),
        "body": _squeeze(codec.encode(replace(entry, curve=()))),
    }


def entry_of(points: bytes | None, body: bytes) -> Entry:
    """Return the entry of a row.

    :raises InvalidEntry: what the row holds is none
    """
    try:
        tool = zlib.decompressobj(zdict=_DICTIONARY)
        text = tool.decompress(body)
        return replace(codec.decode(text), curve=points_of(points))
    except (zlib.error, struct.error) as exc:
        raise codec.InvalidEntry(field="the row", reason=str(exc)) from exc


def points_of(points: bytes | None) -> tuple[Observed, ...]:
    """Return the points of a packed curve."""
    return tuple(
        Observed(
            period_s,
            dirty,
            (sigma * max(dirty, _PAGE)) ** 2 if sigma >= 0 else None,
            age_s,
            _SOURCES[source % len(_SOURCES)],
        )
        for period_s, dirty, sigma, age_s, source in _POINT.iter_unpack(
            points or b""
        )
    )


def key(name: str) -> bytes | str:
    """Return a UUID as 16 bytes; anything else as it is."""
    try:
        found = uuid.UUID(name)
    except ValueError:
        return name
    return found.bytes if str(found) == name else name


def _total_s(entry: Entry) -> tuple[float | None, float | None]:
    """How long it took, and what the model alone said it would."""
    total_ms, given = entry.outcome.total_ms, entry.prediction
    if total_ms is None or given is None or given.total_s is None:
        return None, None
    return total_ms / 1e3, given.total_s / (given.factor or 1.0)


def _model_downtime_ms(entry: Entry) -> float | None:
    given = entry.prediction
    if given is None or given.downtime_ms is None:
        return None
    return given.downtime_ms - given.offset_ms


def _pack(points: tuple[Observed, ...]) -> bytes | None:
    return b"".join(map(_point, points[-_MOST_POINTS:])) or None


def _point(each: Observed) -> bytes:
    sigma = -1.0
    if each.variance_bytes2 is not None:
        dirty = max(each.dirty_bytes, _PAGE)
        sigma = min(math.sqrt(each.variance_bytes2) / dirty, _MOST_HALF)
    source = each.source if each.source in _SOURCES else "history"
    return _POINT.pack(
        each.period_s,
        each.dirty_bytes,
        sigma,
        min(each.age_s, _MOST_HALF),
        _SOURCES.index(source),
    )


def _squeeze(text: str) -> bytes:
    tool = zlib.compressobj(9, zdict=_DICTIONARY)
    return tool.compress(text.encode()) + tool.flush()
