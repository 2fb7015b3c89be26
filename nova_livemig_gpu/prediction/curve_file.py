"""The curve file: a measured dirty curve, as other tools hand it over.

A JSON object with all of

    {"page_size": 4096,        bytes
     "sampled_pages": 10000,   pages that were looked at
     "zero_pages": 2500,       of them, zero
     "total_pages": 1048576,   pages of the guest
     "period_ms": [125, 1000, 60000],
     "dirty_pages": [20, 90, 600]}   of those looked at, dirty after each

Counts are scaled by total_pages / sampled_pages. Other keys are ignored.

Refused, each with its field: what is no number or not finite; counts below
0, or above what they are a part of; periods that are not above 0 or do not
rise; dirty counts that fall (what is dirty after a second is dirty after
two); lists that are empty or of unequal length; sizes that no guest has.
Nothing is repaired: a file that is wrong in one place is not believed in
another.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from nova_livemig_gpu.exception import InvalidCurve
from nova_livemig_gpu.model import CurvePoint, DirtyCurve, GuestMemory
from nova_livemig_gpu.prediction.merge import Observed, sampled

_MOST_TEXT = 16 * 2**20
_MOST_POINTS = 100_000
#: 4 EiB; no guest has as much, and floats still count it well.
_MOST_BYTES = 2**62
_MOST_MS = 1e12


@dataclass(frozen=True)
class CurveFile:
    """What a curve file says.

    :ivar sampled_pages: how many pages it rests on
    """

    memory: GuestMemory
    curve: DirtyCurve
    sampled_pages: int

    def observed(self, age_s: float = 0.0) -> tuple[Observed, ...]:
        """Return its points for a merge with other sources."""
        memory = self.memory
        pages = memory.normal_pages + memory.zero_pages
        return tuple(
            sampled(
                point.period_s,
                point.dirty_bytes,
                pages * memory.page_size_bytes,
                self.sampled_pages,
                age_s,
                "file",
            )
            for point in self.curve.points
        )


def parse(text: str | bytes) -> CurveFile:
    """Parse the text of a curve file.

    :raises InvalidCurve: naming the field
    """
    if len(text) > _MOST_TEXT:
        raise InvalidCurve(
            field="the file", reason=f"it is larger than {_MOST_TEXT} bytes"
        )
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise InvalidCurve(
            field="the file", reason=f"not JSON: {exc}"
        ) from exc
    return from_dict(body)


def from_dict(body: Any) -> CurveFile:
    """Make a curve of the parsed file.

    :raises InvalidCurve: naming the field
    """
    if not isinstance(body, Mapping):
        raise InvalidCurve(field="the file", reason="not a JSON object")
    page_size = _count(body, "page_size", 1, 2**30)
    total = _count(body, "total_pages", 1, _MOST_BYTES // page_size)
    samples = _count(body, "sampled_pages", 1, total)
    zero = _count(body, "zero_pages", 0, samples)
    periods = _list(body, "period_ms")
    dirty = _list(body, "dirty_pages")
    if len(periods) != len(dirty):
        _wrong(
            "dirty_pages",
            f"it has {len(dirty)} values, period_ms has {len(periods)}",
        )
    _check_periods(periods)
    _check_dirty(dirty, samples)
    scale = total / samples
    memory = GuestMemory((samples - zero) * scale, zero * scale, page_size)
    points = tuple(
        CurvePoint(ms / 1e3, pages * scale * page_size)
        for ms, pages in zip(periods, dirty, strict=True)
    )
    return CurveFile(memory, DirtyCurve(points, memory.normal_bytes), samples)


def _wrong(field: str, reason: str) -> None:
    raise InvalidCurve(field=field, reason=reason)


def _number(field: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        _wrong(field, f"{_short(value)} is not a number")
    if isinstance(value, int) and abs(value) > _MOST_BYTES:
        _wrong(field, f"{_short(value)} is too large")
    if not math.isfinite(value):
        _wrong(field, f"{value} is not finite")
    return float(value)


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits
        return "an integer of thousands of digits"
    return text if len(text) <= 40 else text[:37] + "..."


def _count(body: Mapping[str, Any], field: str, least: int, most: int) -> int:
    if field not in body:
        _wrong(field, "it is missing")
    value = _number(field, body[field])
    if not value.is_integer():
        _wrong(field, f"{_short(body[field])} is not a whole number")
    if not least <= value <= most:
        _wrong(field, f"{_short(body[field])} is not from {least} to {most}")
    return int(value)


def _list(body: Mapping[str, Any], field: str) -> Sequence[float]:
    if field not in body:
        _wrong(field, "it is missing")
    values = body[field]
    if not isinstance(values, list):
        _wrong(field, f"{_short(values)} is not a list")
    if not 0 < len(values) <= _MOST_POINTS:
        _wrong(
            field, f"it has {len(values)} values, not from 1 to {_MOST_POINTS}"
        )
    return [_number(f"{field}[{n}]", each) for n, each in enumerate(values)]


def _check_periods(periods: Sequence[float]) -> None:
    for n, each in enumerate(periods):
        if not 0 < each <= _MOST_MS:
            _wrong(f"period_ms[{n}]", f"{each:g} is not above 0, up to 1e12")
    for n, (one, other) in enumerate(pairwise(periods), 1):
        if other <= one:
            _wrong(
                f"period_ms[{n}]", f"{other:g} is not above {one:g} before it"
            )


def _check_dirty(dirty: Sequence[float], samples: int) -> None:
    for n, each in enumerate(dirty):
        if not 0 <= each <= samples:
            _wrong(
                f"dirty_pages[{n}]",
                f"{each:g} is not from 0 to sampled_pages, {samples}",
            )
    for n, (one, other) in enumerate(pairwise(dirty), 1):
        if other < one:
            _wrong(
                f"dirty_pages[{n}]", f"{other:g} is below {one:g} before it"
            )
