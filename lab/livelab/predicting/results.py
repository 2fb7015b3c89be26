# SPDX-License-Identifier: Apache-2.0
"""The results of cells, one JSON object a line; what is there is done."""

import json
import os
from pathlib import Path
from typing import Any

from livelab.errors import LabError


class Results:
    """Read at the start, appended to whole lines at a time."""

    def __init__(self, path: Path) -> None:
        """:raises LabError: a line that is not the last is not JSON"""
        self.path = path
        self.all: list[dict[str, Any]] = []
        lines = path.read_text().splitlines() if path.exists() else []
        for number, line in enumerate(lines, 1):
            try:
                self.all.append(json.loads(line))
            except ValueError as exc:
                # The last one was cut by a crash: that cell is done again.
                if number != len(lines):
                    raise LabError(f"{path}:{number}: {exc}") from exc
                self._rewrite()

    def done(self, key: str) -> bool:
        """Whether this cell has a result."""
        return any(result["key"] == key for result in self.all)

    def add(self, result: dict[str, Any]) -> None:
        """Keep one, on disk before this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(result) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.all.append(result)

    def _rewrite(self) -> None:
        text = "".join(json.dumps(result) + "\n" for result in self.all)
        self.path.write_text(text)
