"""A host with GPUs that are not there, to ask with the real pynvml."""

import os
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.nvml import stand_in

_ROOT = Path(__file__).parents[2]


class Told(NamedTuple):
    """What a host said: the code's ``result``, and its warnings."""

    result: Any
    warnings: list[str]


@cache
def _inside(library: Path) -> "subprocess.Popen[bytes]":
    """One process for each library; it ends when its input does."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.nvml.inside"],
        cwd=_ROOT,
        env={**os.environ, "LD_LIBRARY_PATH": str(library)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


@dataclass(frozen=True)
class Host:
    """A host that is described, not there.

    :ivar library: folder of the stand-in; an empty one: there is no NVML
    :ivar folder: for the description, and for ``sys``, its sysfs
    """

    library: Path
    folder: Path

    def ask(self, description: Mapping[str, Any], code: str) -> Told:
        """Run code with ``backend`` in a process that has these GPUs."""
        path = self.folder / "host"
        path.write_text(stand_in.describe(description))
        environment = {
            **stand_in.environment(self.library, path),
            "STAND_IN_SYSFS": str(self.folder / "sys"),
        }
        inside = _inside(self.library)
        assert inside.stdin is not None and inside.stdout is not None
        pickle.dump((environment, textwrap.dedent(code)), inside.stdin)
        inside.stdin.flush()
        result, warnings, trouble = pickle.load(inside.stdout)
        assert trouble is None, trouble
        return Told(result, warnings)
