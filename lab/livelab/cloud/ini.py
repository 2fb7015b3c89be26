# SPDX-License-Identifier: Apache-2.0
"""Plain data to the INI files of OpenStack services."""

from collections.abc import Mapping, Sequence
from pathlib import Path

Value = str | int | float | bool | Path | Sequence[str]
Sections = Mapping[str, Mapping[str, Value]]


def merge(*parts: Sections) -> dict[str, dict[str, Value]]:
    """Lay later parts over earlier ones, key by key."""
    merged: dict[str, dict[str, Value]] = {}
    for part in parts:
        for section, values in part.items():
            merged.setdefault(section, {}).update(values)
    return merged


def render(sections: Sections) -> str:
    """The text of the file; a list becomes one line for each value."""
    lines: list[str] = []
    for section, values in sections.items():
        lines.append(f"[{section}]")
        for key, value in values.items():
            lines += [f"{key} = {text}" for text in _texts(value)]
        lines.append("")
    return "\n".join(lines)


def write(path: Path, sections: Sections) -> None:
    """Write the file, readable by root only: passwords are in it."""
    path.touch(mode=0o600)
    path.write_text(render(sections))


def _texts(value: Value) -> list[str]:
    if isinstance(value, bool):
        return [str(value).lower()]
    if isinstance(value, str | int | float | Path):
        return [str(value)]
    return [str(item) for item in value]
