"""What works beside which release of Nova, as a table.

Read from what ``tests/run`` has printed, see ``tests.releases``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

STAGES = ("unit", "functional", "nova")
HEADER = ("Nova", "threads", "unit tests", "functional tests", "Nova's own")
AS_ABOVE = "as above"
#: The stage that --short runs instead of unit.
PART = "unit_nova"


@dataclass(frozen=True)
class Row:
    """A release of Nova, and what its services run on.

    :ivar why_not: why nothing can be run; empty: it can
    """

    release: int
    threads: str
    stages: tuple[str, ...] = STAGES
    why_not: str = ""


_STAGE = re.compile(r"^(\w+) +(?:ok|FAILED) +(\d+) +(\d+) +(\d+) +(\d+)s$")
_FAILED = re.compile(r"^(?:FAILED|ERROR:|FAIL:) .*$")


@dataclass(frozen=True)
class Cell:
    """One stage that came to its end.

    :ivar part: only some of its tests
    """

    passed: int
    failed: int
    skipped: int
    seconds: int
    part: bool = False

    def __str__(self) -> str:
        counts = [f"{self.passed} passed"]
        for number, word in (
            (self.failed, "failed"),
            (self.skipped, "skipped"),
        ):
            if number:
                counts.append(f"{number} {word}")
        return f"{', '.join(counts)}, {self.seconds} s"


@dataclass
class Result:
    """What the log of one row says."""

    row: Row
    cells: dict[str, Cell] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """All that could be run has passed."""
        return bool(self.row.why_not) or all(
            stage in self.cells and not self.cells[stage].failed
            for stage in self.row.stages
        )

    def texts(self) -> list[str]:
        """The row of the table."""
        found = [str(self.row.release), self.row.threads]
        if self.row.why_not:
            return [*found, *["\N{EM DASH}"] * len(STAGES)]
        for stage in STAGES:
            if stage in self.row.stages:
                found.append(self._cell(stage))
            else:
                found.append(AS_ABOVE)
        return found

    def _cell(self, stage: str) -> str:
        cell = self.cells.get(stage)
        part = "in part: " if cell and cell.part else ""
        return f"{part}{cell or 'did not end'}"


def read(row: Row, log: str) -> Result:
    """Find the results in what ``tests/run`` has printed."""
    result = Result(row)
    for line in log.splitlines():
        stage = _STAGE.match(line)
        if stage and stage[1] in (*STAGES, PART):
            part = stage[1] == PART
            name = "unit" if part else stage[1]
            result.cells[name] = Cell(*map(int, stage.groups()[1:]), part)
        elif _FAILED.match(line):
            result.failures.append(line)
    return result


def text(results: Sequence[Result]) -> str:
    """The table to be read in a terminal, with what failed or was not run."""
    rows = [list(HEADER), *(r.texts() for r in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * width for width in widths])
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    lines += ["", *_notes(results)]
    for result in results:
        name = f"Nova {result.row.release}, {result.row.threads}"
        lines += [f"{name}: {line}" for line in result.failures]
    return "\n".join(lines).rstrip() + "\n"


def rst(results: Sequence[Result]) -> str:
    """The same for the documentation."""
    lines = [
        ".. list-table::",
        "   :header-rows: 1",
        "",
    ]
    for first, *others in (HEADER, *(r.texts() for r in results)):
        lines += [f"   * - {first}", *(f"     - {text}" for text in others)]
    lines += ["", *(f"* {note}" for note in _notes(results))]
    return "\n".join(lines).rstrip() + "\n"


def _notes(results: Sequence[Result]) -> list[str]:
    found = [
        f"Nova {r.row.release} on {r.row.threads} threads: {r.row.why_not}."
        for r in results
        if r.row.why_not
    ]
    if any(cell.part for r in results for cell in r.cells.values()):
        found.append("In part: those of tests/unit that import Nova.")
    return found
