# SPDX-License-Identifier: Apache-2.0
"""Run a command on this machine; a failure carries what it said."""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from livelab.errors import LabError

Completed = subprocess.CompletedProcess[str]


def run(
    argv: Sequence[str],
    *,
    check: bool = True,
    env: Mapping[str, str] | None = None,
    input: str | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
) -> Completed:
    """Run argv and return its result, text in and out.

    env is laid over this process's environment. Raises LabError when it
    cannot be started, takes longer than timeout seconds, or (with check)
    exits with anything but 0.
    """
    try:
        done = subprocess.run(
            argv,
            check=False,
            env={**os.environ, **(env or {})},
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            cwd=cwd,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(
            f"{shlex.join(argv)}: not done in {timeout} s"
        ) from error
    except OSError as error:
        raise LabError(f"{shlex.join(argv)}: {error}") from error
    if check and done.returncode:
        raise LabError(_failure(argv, done))
    return done


def _failure(argv: Sequence[str], done: Completed) -> str:
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    tail = "".join(f"\n  {line}" for line in said[-10:])
    return f"{shlex.join(argv)}: exit code {done.returncode}{tail}"
