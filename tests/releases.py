"""Tests beside every supported release of Nova; prints what works where.

Each release has a virtual environment of its own, with the constraints that
install today. ``tests/run`` does the work: stages unit, functional and nova.
Where Nova's services run on eventlet and on native threads, functional and
nova run on both; tests/unit starts no service, and once is enough. Takes
some 7 minutes a release on two idle cores, and 5 more for each second mode.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.releases_table import PART, Row, read, rst, text

REPO = Path(__file__).resolve().parent.parent
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
