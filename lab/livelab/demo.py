# SPDX-License-Identifier: Apache-2.0
"""The demonstration: from nothing to stock Nova and the plugin compared.

Starts the cloud, boots a server of 512 MiB that writes 40 MiB/s over 128
MiB, and live-migrates it over a link of 400 Mbit/s: with Nova at its
quickest, and with the plugin. Ends with tables, a plot, and the cloud down.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from livelab import compare
from livelab.cloud import down, up
from livelab.comparing.measures import MEASURES
from livelab.comparing.rows import find
from livelab.comparing.show import Show
from livelab.errors import LabError

ROWS = ("nova-quick", "adaptive")
RATE_MBIT = 400
INTERRUPTED = 130


def main(words: Sequence[str] | None = None) -> int:
    """Run it; an error is one message that names the stage."""
    given = _parser().parse_args(words)
    out = (given.out or compare.results_dir("demo")).resolve()
    show = Show()
    # bootstrap became this process when all was installed.
    show.spent["install"] = _age_s()
    code = _guarded(show, lambda: _demo(given.runs, out, show))
    if not given.keep:
        code = _guarded(show, lambda: _down(show)) or code
    show.console.print()
    show.console.print(show.minutes())
    if given.keep:
        show.console.print("The cloud is still up; lab/down removes it.")
    return code


def _demo(runs: int, out: Path, show: Show) -> int:
    rows = find(ROWS)
    with show.timed("cloud up"):
        show.console.print("[bold]1. A two-host OpenStack")
        # For the first row already, which spares a restart.
        up.up(rows[0].mode, rate_mbit=RATE_MBIT)
    show.console.print("[bold]2. Live migrations by the openstack client")
    return compare.compare(rows, runs, out, show)


def _down(show: Show) -> int:
    with show.timed("cloud down"):
        show.console.print("[bold]3. Clean up")
        down.down()
    return 0


def _guarded(show: Show, work: Callable[[], int]) -> int:
    """Its exit code; what goes wrong is said with the stage's name."""
    try:
        return work()
    except LabError as error:
        said, code = f"failed: {error}", 1
    except KeyboardInterrupt:
        said, code = "interrupted", INTERRUPTED
    print(f"lab/demo: {show.stage}: {said}", file=sys.stderr)
    return code


def _age_s() -> float:
    """How long this process has lived, by the kernel's clock."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    # Field 22 of proc(5) is the start; the first two lie before the name.
    start_s = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return float(Path("/proc/uptime").read_text().split()[0]) - start_s


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lab/demo",
        description=__doc__,
        epilog=MEASURES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="leave the cloud up; without this it is taken down, whoever "
        "started it, also after a failure",
    )
    parser.add_argument(
        "--runs",
        type=_count,
        default=1,
        metavar="N",
        help="migrations of each kind (default: 1)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="for the results (default: below results/ in the lab's "
        "directory, where lab/down leaves them)",
    )
    return parser
