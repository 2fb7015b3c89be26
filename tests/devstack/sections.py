# SPDX-License-Identifier: Apache-2.0
"""nova.conf as oslo.config reads it: every option with all its lines."""

from pathlib import Path

from oslo_config import iniparser

Sections = dict[str, dict[str, list[str]]]


class _Parser(iniparser.BaseParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: Sections = {}
        self._section = ""

    def new_section(self, section: str) -> None:
        self._section = section
        self.found.setdefault(section, {})

    def assignment(self, key: str, value: list[str]) -> None:
        lines = self.found[self._section].setdefault(key, [])
        lines.append("\n".join(value))


def parse(text: str) -> Sections:
    """Sections, options and lines; the lines' order counts."""
    parser = _Parser()
    parser.parse(text.splitlines(keepends=True))
    return parser.found


def read(path: Path) -> Sections:
    return parse(path.read_text())
