# SPDX-License-Identifier: Apache-2.0
"""Network devices of the machine itself."""

from pathlib import Path

from livelab import command
from livelab.errors import LabError


def exists(name: str) -> bool:
    """Whether the machine has a network device of this name."""
    return Path("/sys/class/net", name).exists()


def remove(name: str) -> None:
    """Delete a network device of the machine, if it is there."""
    done = command.run(["ip", "link", "del", name], check=False)
    # It may have been on its way out by itself: only the result counts.
    if done.returncode and exists(name):
        raise LabError(f"link {name} not deleted: {done.stderr.strip()}")
