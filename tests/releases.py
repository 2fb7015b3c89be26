"""Tests beside every supported release of Nova; prints what works where.

Each release has a virtual environment of its own, with the constraints that
install today. ``tests/run`` does the work: stages unit, functional and nova.
Where Nova's services run on eventlet and on native threads, functional and
nova run on both; tests/unit starts no service, and once is enough. Takes
some 7 minutes a release on two idle cores, and 5 more for each second mode.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
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


ROWS = (
    Row(31, "eventlet"),
    Row(
        31,
        "native",
        why_not="Nova has no such mode (nova/compute/manager.py imports "
        "eventlet)",
    ),
    Row(32, "eventlet"),
    Row(
        32,
        "native",
        why_not="Nova's nova-compute has no such mode "
        "(nova/virt/libvirt/host.py imports eventlet.tpool)",
    ),
    Row(33, "eventlet"),
    Row(
        33,
        "native",
        why_not="Nova calls it an experiment, and its own functional "
        "fixtures find notifications through greenlets alone "
        "(nova/tests/fixtures/notifications.py)",
    ),
    Row(34, "native"),
    Row(34, "eventlet", ("functional", "nova")),
)
RELEASES = tuple(sorted({row.release for row in ROWS}))

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


def run(
    row: Row, log: Path, stages: Sequence[str], venvs: Path | None
) -> None:
    """Run the stages of a row; what they print goes to ``log``."""
    environment = {
        **os.environ,
        "LIVEMIG_NOVA": str(row.release),
        "LIVEMIG_THREADS": row.threads,
    }
    if venvs is not None:
        environment["LIVEMIG_TEST_VENV"] = str(venvs / str(row.release))
    with log.open("w") as out:
        subprocess.run(
            [str(REPO / "tests" / "run"), *stages],
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def _stages(row: Row, short: bool) -> list[str]:
    part = short and row.release != max(RELEASES)
    return [PART if part and s == "unit" else s for s in row.stages]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tests/matrix",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "releases",
        nargs="*",
        type=int,
        metavar="RELEASE",
        help=f"of {', '.join(map(str, RELEASES))} (default: all)",
    )
    parser.add_argument(
        "--logs", type=Path, help="where logs and tables go (default: new)"
    )
    parser.add_argument(
        "--venvs",
        type=Path,
        help="virtual environments to use, DIR/31 and so on (default: "
        ".venv-test-31 and so on, made where missing)",
    )
    parser.add_argument(
        "--short",
        action="store_true",
        help="of tests/unit only what imports Nova (34: all)",
    )
    parser.add_argument(
        "--table",
        action="store_true",
        help="run nothing: the table of the logs that --logs has",
    )
    parser.add_argument("--rst", type=Path, help="file for the table, RST")
    return parser


def main() -> int:
    """Return 0 where all that can be run has passed."""
    given = _parser().parse_args()
    unknown = set(given.releases) - set(RELEASES)
    if unknown:
        print(f"tests/matrix: Nova {unknown} is none of {RELEASES}")
        return 2
    logs = given.logs or Path(tempfile.mkdtemp(prefix="livemig-matrix-"))
    logs.mkdir(parents=True, exist_ok=True)
    results = []
    for row in ROWS:
        if given.releases and row.release not in given.releases:
            continue
        log = logs / f"nova-{row.release}-{row.threads}.log"
        if not (row.why_not or given.table):
            print(f"== Nova {row.release} on {row.threads}: {log}", flush=True)
            run(row, log, _stages(row, given.short), given.venvs)
        results.append(read(row, log.read_text() if log.exists() else ""))
    (logs / "matrix.txt").write_text(text(results))
    (given.rst or logs / "matrix.rst").write_text(rst(results))
    print("\n" + text(results), end="")
    return 0 if all(result.good for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
