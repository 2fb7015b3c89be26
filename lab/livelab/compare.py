# SPDX-License-Identifier: Apache-2.0
"""Compare ways to migrate one server: rows, run in turn.

The cloud must be up. Every run is one `openstack server migrate
--live-migration` of a server that writes memory at a set rate, recorded
from outside, followed by a sweep of all the guest's memory. The rows take
turns, so that what else happens on the machine meets all alike.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livelab import paths
from livelab.cloud.client import Client
from livelab.cloud.records import Server
from livelab.cloud.site import Site
from livelab.comparing import report
from livelab.comparing.figures import Figures
from livelab.comparing.measures import MEASURES
from livelab.comparing.rows import ROWS, Row, find
from livelab.comparing.runner import Runner
from livelab.comparing.show import Show
from livelab.errors import LabError

WS_MIB, RATE_MIB = 128, 40
FLAVOR = "t512"
EXIT_CODE = """
exit code: 0, or 1 when a run failed or found a wrong byte
"""


def compare(rows: Sequence[Row], runs: int, out: Path, show: Show) -> int:
    """Run all rows so many times in turn and report: the exit code.

    Stops after a run that found a wrong byte. Raises LabError; what there
    is until then is reported all the same.
    """
    done: list[Figures] = []
    try:
        _run_all(rows, runs, out, show, done)
    except (LabError, KeyboardInterrupt):
        stage = show.stage
        if done:
            _finish(rows, done, out, show)
        show.stage = stage
        raise
    return _finish(rows, done, out, show)


def _run_all(
    rows: Sequence[Row],
    runs: int,
    out: Path,
    show: Show,
    done: list[Figures],
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    client = Client()
    with show.step("server", "boot a server"):
        server = _server(client)
    runner = Runner(client, server.id, RATE_MIB, out)
    for number in range(1, runs + 1):
        for row in rows:
            done.append(_one(runner, row, number, runs, show))
            if not done[-1].memory_ok:
                return


def _finish(
    rows: Sequence[Row], done: Sequence[Figures], out: Path, show: Show
) -> int:
    """Print, write, and tell whether all runs were right."""
    report.show(show.console, done)
    with show.step("report", "plot"):
        files = report.write(out, _title(done), rows, done, _facts())
    for file in files:
        show.console.print(f"  {file}", soft_wrap=True)
    bad = [run for run in done if not run.right]
    for run in bad:
        memory = "right" if run.memory_ok else "WRONG"
        show.console.print(
            f"[red]{run.row} run {run.number}: {run.outcome}, memory {memory}"
        )
    return 1 if bad else 0


def _one(
    runner: Runner, row: Row, number: int, runs: int, show: Show
) -> Figures:
    name = f"{row.name} {number}/{runs}"
    with show.step("configuration", f"{name}: configure the computes"):
        runner.configure(row)
    with show.step(row.name, f"{name}: migrate and verify") as say:
        return runner.run(row, number, say)


def _server(client: Client) -> Server:
    """The one that an earlier comparison left, if it still runs."""
    image = client.workload_image(WS_MIB, RATE_MIB)
    for server in client.servers("^compare$"):
        if server.status == "ACTIVE" and server.task_state is None:
            return server
        client.server_delete(server.id)
    return client.server_create("compare", FLAVOR, image)


def _title(done: Sequence[Figures]) -> str:
    count = max(run.number for run in done)
    return (
        f"512 MiB server, {RATE_MIB} MiB/s written over {WS_MIB} MiB; "
        f"{count} live migration{'s' if count > 1 else ''} each"
    )


def _facts() -> dict[str, Any]:
    source = Site().computes[0]
    return {
        "link": source.run(["tc", "qdisc", "show", "dev", "eth0"]).stdout,
        "when": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "working_set_mib": WS_MIB,
        "rate_mib_s": RATE_MIB,
        "flavor": FLAVOR,
        "cpus": os.cpu_count(),
        "load_after": os.getloadavg(),
    }


def results_dir(name: str) -> Path:
    """Where results go when nobody says: `down` does not remove it."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    return paths.state_dir() / "results" / f"{name}-{stamp}"


def _parser() -> argparse.ArgumentParser:
    names = ",".join(row.name for row in ROWS)
    parser = argparse.ArgumentParser(
        prog="lab/compare",
        description=__doc__,
        epilog=MEASURES + EXIT_CODE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--rows",
        default=names,
        help="names with commas between; the first is what ratios are "
        "against (default: %(default)s)",
    )
    parser.add_argument(
        "--runs",
        type=int,
        default=3,
        metavar="N",
        help="of each row (default: 3)",
    )
    _add_limits(parser)
    return parser


def _add_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cut",
        type=float,
        metavar="SECONDS",
        help="abort a migration that runs longer (default: 300; "
        "nova-default 120)",
    )
    parser.add_argument("--out", type=Path, help="directory for the results")


def run(words: Sequence[str] | None = None) -> int:
    """The command line; raises LabError."""
    given = _parser().parse_args(words)
    if not Site().controller.alive():
        raise LabError("the cloud is down; lab/up starts it")
    if given.runs < 1:
        raise LabError("--runs: must be at least 1")
    rows = find(given.rows.split(","), given.cut)
    out = (given.out or results_dir("compare")).resolve()
    show = Show()
    return compare(rows, given.runs, out, show)


def main() -> int:
    """An error is one message and exit code 1."""
    try:
        return run()
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
