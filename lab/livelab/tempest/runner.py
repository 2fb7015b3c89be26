# SPDX-License-Identifier: Apache-2.0
"""One run of Tempest in the lab's controller."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from livelab import command
from livelab.cloud.client import Client
from livelab.cloud.ini import Sections
from livelab.errors import LabError
from livelab.tempest import conf, install

STESTR = """\
[DEFAULT]
test_path={tempest}/test_discover
top_dir={tempest}/..
group_regex=([^\\.]*\\.)*
"""


@dataclass(frozen=True)
class Row:
    """One test of one run.

    :ivar result: "success", "fail", "skip", as subunit has it
    :ivar reason: why it was skipped or failed
    """

    test: str
    result: str
    seconds: float
    reason: str


def run(
    client: Client,
    name: str,
    regex: str,
    more: Sections,
    say: Callable[[str], None],
) -> list[Row]:
    """Run the tests that regex names; raises LabError where none ran.

    :param name: of the run: its files lie in a folder of that name
    :param more: laid over tempest.conf
    """
    site = client.site
    folder = site.state / "tempest" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    file = conf.write(client, folder, more)
    venv = install.venv(site)
    tempest = next(venv.glob("lib/python3*/site-packages/tempest"))
    (folder / ".stestr.conf").write_text(STESTR.format(tempest=tempest))
    words = [f"{venv}/bin/tempest", "run", "--serial"]
    words += ["--config-file", str(file), "--regex", regex]
    argv = ["sh", "-c", 'cd "$0" && exec "$@"', str(folder), *words]
    environment = {**site.program_env, "HOME": str(folder)}
    process = site.controller.popen(
        argv, log=folder / "output", env=environment
    )
    try:
        _follow(process, folder / "output", say)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
    rows = _rows(folder, venv)
    if not rows:
        raise LabError(f"Tempest ran nothing; see {folder}/output")
    return rows


def _follow(
    process: subprocess.Popen[bytes], output: Path, say: Callable[[str], None]
) -> None:
    """Say each test's result until the process ends."""
    with output.open() as written:
        while True:
            ended = process.poll() is not None
            for line in written:
                if line.startswith("{0}"):
                    say(line.removeprefix("{0}").strip())
            if ended:
                return
            time.sleep(1)


def _rows(folder: Path, venv: Path) -> list[Row]:
    stream = folder / "subunit"
    if not (folder / ".stestr").exists():
        return []
    # It keeps them in an older form. Fails where a test has failed.
    words = [f"{venv}/bin/stestr", "last", "--subunit"]
    shell = ["sh", "-c", '"$@" >"$0"', str(stream)]
    command.run([*shell, *words], cwd=folder, check=False)
    parser = Path(__file__).with_name("parse.py")
    done = command.run([f"{venv}/bin/python", "-P", str(parser), str(stream)])
    return [Row(**row) for row in json.loads(done.stdout)]
