"""One stats string: its version, a digest, and JSON that is packed.

    2.<digest>.<payload>

The version is that of the kind of string: what the value looks like. Each
kind reads its older versions too, so that hosts can be upgraded one by one;
of a version that it does not know it reads nothing. ``digest`` is the start
of the SHA-256 of the JSON text, ``payload`` the text through zlib and
base64: no character that JSON would escape a second time when Nova stores
its stats. A string that was cut or changed does not match its digest. Equal
values give equal strings.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Container
from typing import Any

#: No stats column holds more; what is longer was not written by us.
_MOST_TEXT = 65_535
_MOST_JSON = 1_000_000
_DIGEST_BYTES = 12


class Malformed(ValueError):
    """A string, or a value in it, is not what we would write."""


def seal(value: Any, version: str) -> str:
    """Return the string for a JSON value."""
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode()
    packed = base64.urlsafe_b64encode(zlib.compress(body, 9)).decode()
    return f"{version}.{_digest(body)}.{packed}"


def unseal(text: Any, versions: Container[str]) -> tuple[str, Any]:
    """Return version and JSON value of a string.

    :param versions: those that the caller can read
    :raises Malformed: it is none, or of another version
    """
    if not isinstance(text, str) or len(text) > _MOST_TEXT:
        raise Malformed("not a string, or too long")
    version, digest, packed = _parts(text)
    if version not in versions:
        raise Malformed("unknown version")
    body = _inflate(packed)
    if _digest(body) != digest:
        raise Malformed("cut or changed")
    try:
        return version, json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise Malformed("not JSON") from exc


def digest_of(text: str) -> str:
    """Return the digest of a string that :func:`seal` has made."""
    return _parts(text)[1]


def _parts(text: str) -> tuple[str, str, str]:
    parts = text.split(".", 3)
    if len(parts) != 3:
        raise Malformed("not three parts")
    return parts[0], parts[1], parts[2]


def _inflate(packed: str) -> bytes:
    try:
        raw = base64.b64decode(packed.encode("ascii"), b"-_", validate=True)
        # A few bytes can claim to be gigabytes.
        inflater = zlib.decompressobj()
        body = inflater.decompress(raw, _MOST_JSON)
    except (ValueError, zlib.error) as exc:
        raise Malformed("not packed as ours") from exc
    if not inflater.eof or inflater.unused_data:
        raise Malformed("cut, or too large")
    return body


def _digest(body: bytes) -> str:
    start = hashlib.sha256(body).digest()[:_DIGEST_BYTES]
    return base64.urlsafe_b64encode(start).decode()
