# SPDX-License-Identifier: Apache-2.0
"""lab/tempest: real Tempest against the cloud that lab/up started.

Tempest's own live-migration tests run with stock Nova and with the plugin;
their results must be the same. Then our tests run with the plugin, both
filters, and beside the two computes a host that the filters must refuse.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from livelab import paths
from livelab.cloud import computes, mode
from livelab.cloud.client import Client
from livelab.cloud.ini import Sections, Value
from livelab.cloud.site import Site
from livelab.errors import LabError
from livelab.tempest import conf, install, modes, pages, runner, show
from livelab.tempest.runner import Row

THEIRS = "tempest.api.compute.admin.test_live_migration"
OURS = "nova_livemig_gpu.tempest"
VGPU = "VgpuTest"
FILE_COLUMNS = 160
Say = Callable[[str], None]


def main(words: Sequence[str] | None = None) -> int:
    """0; 1 when a test failed or the drivers' results differ."""
    given = _parser().parse_args(words)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=FILE_COLUMNS)
    try:
        if given.table:
            return _conclude(_read(given.table), console, given.rst)
        if not Site().controller.alive():
            raise LabError("the cloud is not up; start it with lab/up")
        more = _settings(given.set)
        runs = _run(given, more, lambda s: console.print(f"  {escape(s)}"))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130
    _write(runs, given.out)
    return _conclude(runs, console, given.rst)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lab/tempest",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "tests",
        nargs="?",
        choices=("theirs", "ours", "all"),
        default="all",
        help="Tempest's own, ours, or both (default)",
    )
    parser.add_argument(
        "--only",
        default="",
        metavar="REGEX",
        help="of these, only some (default with `lab/up --hosts vfio`: "
        f"{VGPU})",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.OPTION=VALUE",
        help="laid over tempest.conf, such as livemig_gpu.vgpu_resources="
        "VGPU:1 where the cloud has vGPUs; may be repeated",
    )
    parser.add_argument(
        "--as-it-is",
        action="store_true",
        help="our tests on the cloud as it is configured now, without a "
        "host that is refused",
    )
    parser.add_argument("--out", type=Path, help="file for results, JSON")
    parser.add_argument(
        "--table",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="run nothing: the tables of results that --out has written",
    )
    parser.add_argument("--rst", type=Path, help="file for the tables, RST")
    return parser


def _settings(words: Sequence[str]) -> Sections:
    found: dict[str, dict[str, Value]] = {}
    for word in words:
        name, equals, value = word.partition("=")
        section, dot, option = name.partition(".")
        if not (equals and dot):
            raise LabError(f"--set {word}: must be SECTION.OPTION=VALUE")
        found.setdefault(section, {})[option] = value
    return found


def _run(
    given: argparse.Namespace, more: Sections, say: Say
) -> dict[str, list[Row]]:
    client = Client()
    say("Tempest's virtual environment")
    install.ensure(client.site)
    before = mode.load(client.site.state)
    only = given.only or (VGPU if conf.vfio(client.site) else "")
    runs: dict[str, list[Row]] = {}

    def run(name: str, tests: str, extra: Sections) -> None:
        say(name)
        regex = f"{tests}.*{only}"
        merged = {**extra}
        for section, values in more.items():
            merged[section] = {**merged.get(section, {}), **values}
        runs[name] = runner.run(client, name, regex, merged, say)

    try:
        if given.tests in ("theirs", "all"):
            for name in ("stock", "plugin"):
                computes.use(modes.theirs(name), site=client.site)
                run(name, THEIRS, {})
        if given.tests in ("ours", "all") and given.as_it_is:
            run("ours", OURS, {})
        elif given.tests in ("ours", "all"):
            computes.use(modes.ours(), site=client.site)
            with modes.refused_host(client) as extra:
                run("ours", OURS, extra)
    finally:
        if mode.load(client.site.state) != before:
            computes.use(before, site=client.site)
    return runs


def _conclude(
    runs: Mapping[str, Sequence[Row]], console: Console, rst: Path | None
) -> int:
    theirs = {k: v for k, v in runs.items() if k != "ours"}
    bad = 0
    if theirs:
        console.print(show.table("Tempest's own tests", theirs))
        both = [theirs.get("stock", []), theirs.get("plugin", [])]
        for test in show.differences(*both):
            console.print(f"[red]differs[/]: {escape(test)}")
            bad += 1
    if "ours" in runs:
        console.print(show.table("Our tests", {"plugin": runs["ours"]}))
    console.print("Skipped or failed, and why:")
    for line in show.reasons(runs):
        console.print(f"  {escape(line)}")
    bad += sum(len(show.failed(rows)) for rows in runs.values())
    if rst is not None:
        _write_rst(rst, theirs, runs)
    return 1 if bad else 0


def _write_rst(
    file: Path,
    theirs: Mapping[str, Sequence[Row]],
    runs: Mapping[str, Sequence[Row]],
) -> None:
    parts = []
    if theirs:
        parts.append("Tempest's own tests:\n\n" + pages.page(theirs))
    if "ours" in runs:
        parts.append("Ours:\n\n" + pages.page({"plugin": runs["ours"]}))
    file.write_text("\n".join(parts))


def _read(files: Sequence[Path]) -> dict[str, list[Row]]:
    """What was written; rows of runs of the same name together."""
    runs: dict[str, list[Row]] = {}
    for file in files:
        for name, rows in json.loads(file.read_text()).items():
            runs.setdefault(name, []).extend(Row(**row) for row in rows)
    return runs


def _write(runs: Mapping[str, Sequence[Row]], out: Path | None) -> None:
    if out is None:
        folder = paths.state_dir() / "results"
        folder.mkdir(exist_ok=True)
        out = folder / f"tempest-{time.strftime('%Y%m%d-%H%M%S')}.json"
    body = {name: [asdict(r) for r in rows] for name, rows in runs.items()}
    out.write_text(json.dumps(body, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
