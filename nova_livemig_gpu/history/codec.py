"""An entry as JSON values and back.

Short where it can be: numbers have six digits, what is None or the default
is left out, and no more than 32 points and 8 stuns of a migration are kept.
What comes back is checked: it may be another host's, or of a later version,
whose further keys are ignored.
"""

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any

from nova_livemig_gpu.exception import LiveMigrationError
from nova_livemig_gpu.history.entry import Entry

FORMAT = 1
_MOST_POINTS = 32
_MOST_STUNS = 8
_MOST_TEXT = 255
_MOST_NUMBER = 2.0**63


class InvalidEntry(LiveMigrationError):
    """A line is no entry of the history."""

    code = "livemig_gpu.history.invalid_entry"
    msg_fmt = "History entry: %(field)s is wrong: %(reason)s"


def encode(entry: Entry) -> str:
    """Return an entry as one line of JSON."""
    short = dataclasses.replace(
        entry,
        curve=entry.curve[-_MOST_POINTS:],
        stuns=entry.stuns[:_MOST_STUNS],
    )
    body = {"format": FORMAT, **_plain(short)}
    return json.dumps(body, separators=(",", ":"), allow_nan=False)


def decode(text: str | bytes) -> Entry:
    """Return the entry of a line.

    :raises InvalidEntry: naming the field
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise InvalidEntry(
            field="the line", reason=f"not JSON: {exc}"
        ) from exc
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise InvalidEntry(
            field="format", reason=f"only format {FORMAT} is known"
        )
    entry = _value(Entry, body, "the line")
    assert isinstance(entry, Entry)
    for name in ("migration", "server", "source", "destination"):
        if not getattr(entry, name):
            raise InvalidEntry(field=name, reason="it is empty")
    return entry


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if not _is_default(field, getattr(value, field.name))
        }
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return value[:_MOST_TEXT]
    if isinstance(value, float):
        return _digits(value)
    return value


def _is_default(field: dataclasses.Field[Any], value: Any) -> bool:
    return bool(
        field.default is not dataclasses.MISSING and field.default == value
    )


def _digits(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    if abs(value) >= 1e6:
        return round(value)
    return float(f"{value:.6g}")


def _value(wanted: Any, given: Any, field: str) -> Any:
    """Return ``given`` as a value of the type ``wanted``."""
    origin = typing.get_origin(wanted)
    if origin in (types.UnionType, typing.Union):
        if given is None:
            return None
        (inner,) = (
            each
            for each in typing.get_args(wanted)
            if each is not types.NoneType
        )
        return _value(inner, given, field)
    if origin is tuple:
        return _tuple(typing.get_args(wanted), given, field)
    if dataclasses.is_dataclass(wanted):
        return _dataclass(wanted, given, field)
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        try:
            return wanted(given)
        except ValueError as exc:
            raise InvalidEntry(field=field, reason=str(exc)) from exc
    return _scalar(wanted, given, field)


def _scalar(wanted: Any, given: Any, field: str) -> Any:
    if wanted is float and isinstance(given, int) and _is_number(given):
        return float(given)
    right = isinstance(given, wanted)
    if wanted in (int, float):
        right = right and _is_number(given)
    if wanted is str:
        right = right and len(given) <= _MOST_TEXT
    if not right:
        raise InvalidEntry(field=field, reason=f"{str(given)[:40]!r}")
    return given


def _is_number(given: Any) -> bool:
    return not isinstance(given, bool) and -_MOST_NUMBER < given < _MOST_NUMBER


def _tuple(inner: tuple[Any, ...], given: Any, field: str) -> Any:
    if not isinstance(given, list) or len(given) > 10 * _MOST_POINTS:
        raise InvalidEntry(field=field, reason="not a list, or too long")
    if inner[-1] is Ellipsis:
        return tuple(_value(inner[0], each, field) for each in given)
    if len(inner) != len(given):
        raise InvalidEntry(field=field, reason=f"{len(given)} values")
    return tuple(
        _value(kind, each, field)
        for kind, each in zip(inner, given, strict=True)
    )


def _dataclass(wanted: Any, given: Any, field: str) -> Any:
    if not isinstance(given, Mapping):
        raise InvalidEntry(field=field, reason="not an object")
    hints = _hints(wanted)
    values = {}
    for each in dataclasses.fields(wanted):
        if each.name in given:
            values[each.name] = _value(
                hints[each.name], given[each.name], each.name
            )
        elif each.default is dataclasses.MISSING:
            raise InvalidEntry(field=each.name, reason="it is missing")
    return wanted(**values)


_known_hints: dict[Any, dict[str, Any]] = {}


def _hints(wanted: Any) -> dict[str, Any]:
    if wanted not in _known_hints:
        _known_hints[wanted] = typing.get_type_hints(wanted)
    return _known_hints[wanted]
