"""What compute hosts say to each other: plain JSON values, versioned.

Version 1.0: ``vgpu_metadata(server)`` is answered with
``{"v": 1, "blobs": [base64, ...]}``, one blob for each vGPU of the server,
or ``{"v": 1, "unknown": reason}``. Version 1.1: ``resumes_arrivals()`` is
answered with ``{"v": 1, "resumes": true or false}``. An error is an answer
too: only ``nova.exception`` classes would survive the way back.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from nova_livemig_gpu import foreign
from nova_livemig_gpu.model import VgpuMetadata

VERSION = 1
#: NVML's blobs are some KiB; more than this is no metadata.
MOST_BYTES = 1 << 20
#: vGPUs of one server.
_MOST_BLOBS = 64


def encode(blobs: Sequence[bytes]) -> dict[str, Any]:
    """Return the answer that carries ``blobs``."""
    texts = [base64.b64encode(blob).decode() for blob in blobs]
    return {"v": VERSION, "blobs": texts}


def unknown(why: str) -> dict[str, Any]:
    """Return the answer of a host that cannot tell."""
    return {"v": VERSION, "unknown": why}


def resumes(yes: bool) -> dict[str, Any]:
    """Return the answer of a host on servers that arrive quiesced."""
    return {"v": VERSION, "resumes": yes}


def decode_resumes(answer: Any) -> bool:
    """Parse it; whatever is not a plain yes is a no."""
    return (
        isinstance(answer, dict)
        and answer.get("v") == VERSION
        and answer.get("resumes") is True
    )


def decode(answer: Any) -> VgpuMetadata:
    """Parse an answer; whatever cannot be read is unknown."""
    if not isinstance(answer, dict) or answer.get("v") != VERSION:
        return VgpuMetadata(None, "the answer is of another version")
    if "unknown" in answer:
        return VgpuMetadata(None, foreign.cut(str(answer["unknown"])))
    texts = answer.get("blobs")
    if not isinstance(texts, list) or len(texts) > _MOST_BLOBS:
        return VgpuMetadata(None, "the answer has no blobs, or too many")
    try:
        blobs = tuple(base64.b64decode(text, validate=True) for text in texts)
    except (binascii.Error, TypeError, ValueError):
        return VgpuMetadata(None, "a blob cannot be decoded")
    if any(not blob or len(blob) > MOST_BYTES for blob in blobs):
        return VgpuMetadata(None, "a blob has an impossible size")
    return VgpuMetadata(blobs)
