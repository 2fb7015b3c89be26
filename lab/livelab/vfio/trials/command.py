# SPDX-License-Identifier: Apache-2.0
"""lab/vfio try [NAME...]: migrations of a server with a vGPU that go wrong.

The cloud must be up with VFIO hosts and the test vGPU (lab/up --hosts vfio);
nothing else may use it meanwhile. All with the plugin: what stock Nova does
with such servers is in lab/vfio check.
"""

import argparse
import json
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from livelab import paths
from livelab.checks import table as shown
from livelab.checks.table import Found
from livelab.checks.trial import Notes, choose
from livelab.checks.trial import Trial as Listed
from livelab.cloud import computes, hypervisors, mode
from livelab.cloud.client import Client
from livelab.cloud.mode import Mode
from livelab.errors import LabError
from livelab.vfio import table
from livelab.vfio.trials import budget, faults, hooks, missing
from livelab.vfio.trials.bench import Bench
from livelab.vfio.trials.trial import Trial

RATE_MBIT = 80
TRIALS: tuple[Trial, ...] = (
    *budget.TRIALS,
    *faults.TRIALS,
    *missing.TRIALS,
    *hooks.TRIALS,
)


def add(parser: argparse.ArgumentParser) -> None:
    """The command's words."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="all")
    parser.add_argument("--list", action="store_true", help="the trials")
    parser.add_argument("--out", type=Path, help="results, JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """0 when all is as it must be."""
    console = table.console()
    if arguments.list:
        for trial in TRIALS:
            console.print(f"{trial.name:18} {escape(trial.does)}")
        return 0
    chosen = choose(arguments.names, TRIALS)
    client = Client()
    cloud = hypervisors.of(client.site)
    if not isinstance(cloud, hypervisors.VfioHypervisors):
        raise LabError("needs VFIO hosts; start with lab/up --hosts vfio")
    # Before nova-compute starts: it looks for GPUs only then.
    cloud.show_types()
    _configure(client)
    cloud.shape(RATE_MBIT)
    bench = Bench(client, cloud)
    found: list[Found] = []
    try:
        for trial in chosen:
            found.append(_one(trial, bench))
            for note in found[-1].notes.items:
                console.print("   ", shown.line(note, "plugin"))
            _write(found, arguments.out)
    finally:
        cloud.shape(None)
    console.print(shown.make(found))
    return 1 if any(each.bad for each in found) else 0


def _configure(client: Client) -> None:
    """The plugin, with the trials' hook, unless it runs so already."""
    folder = hooks.install(client.site.state)
    wanted = Mode(
        "plugin",
        {
            "livemig_gpu": {
                "hooks": hooks.NAME,
                "hook_timeout_s": hooks.TIMEOUT_S,
            }
        },
        env={
            host.name: {"PYTHONPATH": str(folder)}
            for host in client.site.computes
        },
    )
    if mode.load(client.site.state) != wanted:
        computes.use(wanted, site=client.site)


def _one(trial: Trial, bench: Bench) -> Found:
    console, notes = table.console(), Notes()
    console.print(f"  [bold]{trial.name}[/]: {escape(trial.does)}")
    begin = time.monotonic()
    try:
        trial.run(bench, notes)
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        if not isinstance(error, LabError):
            what += "\n" + traceback.format_exc()
        notes.expect("the trial itself", False, what)
    seconds = time.monotonic() - begin
    console.print(f"    [dim]{seconds:.0f} s")
    listed = Listed(trial.name, trial.does, lambda *_: None)
    return Found(listed, "plugin", notes, seconds)


def _write(found: Sequence[Found], out: Path | None) -> None:
    if out is None:
        folder = paths.state_dir() / "results"
        folder.mkdir(exist_ok=True)
        out = folder / "vfio-trials.json"
    body = [
        {
            "trial": one.trial.name,
            "seconds": round(one.seconds, 1),
            "notes": [asdict(note) for note in one.notes.items],
        }
        for one in found
    ]
    out.write_text(json.dumps(body, indent=1) + "\n")
