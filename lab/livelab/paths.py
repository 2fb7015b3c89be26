# SPDX-License-Identifier: Apache-2.0
"""Where the lab keeps its files.

Everything lies under one directory, so that two labs on one machine are
told apart, and removing the lab is removing that directory.
"""

import hashlib
import os
from pathlib import Path

DEFAULT = "/var/lib/livemig-lab"


def state_dir() -> Path:
    """The lab's directory, from LIVEMIG_LAB_DIR."""
    return Path(os.environ.get("LIVEMIG_LAB_DIR", DEFAULT))


def tag(state: Path) -> str:
    """What sets apart the kernel's names for a lab in another directory.

    Empty for the default directory. Several labs can be up at a time: they
    have the same addresses, each behind a bridge of its own.
    """
    if state == Path(DEFAULT):
        return ""
    return hashlib.sha256(str(state).encode()).hexdigest()[:4]


def run_dir(state: Path) -> Path:
    """Pid files: worthless after a reboot."""
    return _made(state / "run")


def log_dir(state: Path) -> Path:
    """What the daemons wrote."""
    return _made(state / "log")


def cache_dir(state: Path) -> Path:
    """What is costly to make and safe to keep: kernels, images."""
    return _made(state / "cache")


def host_dir(state: Path, name: str) -> Path:
    """What one host has to itself."""
    return _made(state / "hosts" / name)


def etc_dir(state: Path) -> Path:
    """Configuration that the hosts have in common."""
    return _made(state / "etc")


def instances_dir(state: Path) -> Path:
    """The instances directory that the hypervisors share."""
    return _made(state / "shared" / "instances")


def _made(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
