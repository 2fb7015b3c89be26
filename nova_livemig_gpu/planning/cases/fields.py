"""Reads the fields of a JSON object, each with what would be right.

Nothing is repaired, and nothing is left out silently: a field that is not
known is refused as one that is wrong, so that a slip of the pen changes no
case.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from nova_livemig_gpu.exception import InvalidCase

_MOST_BYTES = 16 * 2**20
_MOST_VALUES = 100_000


class Fields:
    """An object of a file.

    :ivar file: its name, for errors
    :ivar body: what JSON says of it
    """

    def __init__(self, file: str, body: Any, path: str = "") -> None:
        """:param path: where it stands in the file; empty: it is all of it

        :raises InvalidCase: it is no object
        """
        self.file, self._path = file, path
        if not isinstance(body, Mapping):
            self.fail("", f"{short(body)} is not a JSON object")
        self.body: Mapping[str, Any] = body

    def fail(self, name: str, reason: str) -> NoReturn:
        """:raises InvalidCase: naming file and field"""
        raise InvalidCase(
            file=self.file, field=self._at(name) or "the file", reason=reason
        )

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}".strip(".") if name else self._path

    def has(self, name: str) -> bool:
        """Whether a field is there and is not null."""
        return self.body.get(name) is not None

    def only_and_notes(self, *names: str) -> None:
        """Refuse every other field but texts, which are for readers."""
        notes = [
            name
            for name, value in self.body.items()
            if isinstance(value, str) and name not in names
        ]
        self.only(*names, *notes)

    def only(self, *names: str) -> None:
        """Refuse every other field."""
        for name in self.body:
            if name not in names:
                self.fail(name, f"it is not known; known: {', '.join(names)}")

    def number(
        self, name: str, least: float, most: float, default: float | None
    ) -> float:
        """Return a number.

        :param default: None: the field must be there
        """
        if not self.has(name):
            if default is None:
                self.fail(name, f"a number from {least:g} to {most:g} is due")
            return default
        return self.as_number(name, self.body[name], least, most)

    def as_number(
        self, name: str, value: Any, least: float, most: float
    ) -> float:
        """Return a value that must be a number."""
        right = f"a number from {least:g} to {most:g}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(name, f"{short(value)} is not {right}")
        if not least <= value <= most:
            self.fail(name, f"{short(value)} is not {right}")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false."""
        value = self.body.get(name, default)
        if not isinstance(value, bool):
            self.fail(name, f"{short(value)} is neither true nor false")
        return value

    def choice(self, name: str, default: str | None, *values: str) -> str:
        """Return one of some texts."""
        value = self.body.get(name, default)
        if value not in values:
            self.fail(
                name, f"{short(value)} is not one of {', '.join(values)}"
            )
        return str(value)

    def object(self, name: str) -> "Fields":
        """Return an object; one that is not there has no fields."""
        value = self.body.get(name)
        return Fields(
            self.file, {} if value is None else value, self._at(name)
        )

    def objects(self, name: str) -> Iterator["Fields"]:
        """Return the objects of a list."""
        for n, each in enumerate(self.values(name)):
            yield Fields(self.file, each, self._at(f"{name}[{n}]"))

    def values(self, name: str) -> Sequence[Any]:
        """Return a list; empty where it is not there."""
        value = self.body.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.fail(name, f"{short(value)} is not a list")
        if len(value) > _MOST_VALUES:
            self.fail(name, f"it has more than {_MOST_VALUES} values")
        return value

    def pairs(
        self, name: str, least: float, most: float
    ) -> tuple[tuple[float, float], ...]:
        """Return pairs [seconds, number], the first at 0 s, rising.

        :param least: of the number
        """
        found: list[tuple[float, float]] = []
        for n, each in enumerate(self.values(name)):
            here = f"{name}[{n}]"
            if not isinstance(each, list) or len(each) != 2:
                self.fail(here, f"{short(each)} is not [seconds, number]")
            at_s = self.as_number(f"{here}[0]", each[0], 0, 1e9)
            value = self.as_number(f"{here}[1]", each[1], least, most)
            if not found and at_s:
                self.fail(f"{here}[0]", f"{at_s:g} is not 0, where it begins")
            if found and at_s <= found[-1][0]:
                self.fail(
                    f"{here}[0]",
                    f"{at_s:g} is not above {found[-1][0]:g} before it",
                )
            found.append((at_s, value))
        if not found:
            self.fail(name, "at least one [seconds, number] is due")
        return tuple(found)


def read(path: Path) -> Fields:
    """Read a file.

    :raises InvalidCase: naming what is wrong
    """

    def fail(reason: str) -> NoReturn:
        raise InvalidCase(file=str(path), field="the file", reason=reason)

    try:
        if path.stat().st_size > _MOST_BYTES:
            fail(f"it is larger than {_MOST_BYTES} bytes")
        text = path.read_bytes().decode()
        body = json.loads(
            text, object_pairs_hook=_once, parse_constant=_refused
        )
    except OSError as exc:
        fail(str(exc.strerror))
    except UnicodeDecodeError as exc:
        fail(f"not UTF-8: {exc}")
    except (ValueError, RecursionError) as exc:
        fail(f"not JSON: {exc}")
    return Fields(str(path), body)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands twice in one object")
    return found


def _refused(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def short(value: Any) -> str:
    """A value as an error shows it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    try:
        text = json.dumps(value)
    except ValueError:  # an integer of thousands of digits
        return "an integer of thousands of digits"
    return text if len(text) <= 40 else text[:37] + "..."
