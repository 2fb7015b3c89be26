# SPDX-License-Identifier: Apache-2.0
"""Look before the leap: whether this machine can hold the lab."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from livelab import command
from livelab.errors import LabError
from livelab.hosts import BRIDGE

SUBNET = "10.78.0."
PROGRAMS = (
    "qemu-system-x86_64",
    "libvirtd",
    "mariadbd",
    "memcached",
    "ip",
    "tc",
    "nsenter",
)
MIN_FREE_GIB = 3


def check(more_gib: int = 0) -> None:
    """Raise LabError with what is wrong and what would be right.

    more_gib: memory that is needed beside the cloud's.
    """
    check_root()
    _check_programs()
    _check_namespaces()
    _check_addresses()
    check_memory(MIN_FREE_GIB + more_gib)


def check_root() -> None:
    """Raise LabError unless this is root."""
    if os.geteuid():
        raise LabError("must run as root: the lab makes namespaces")


def _check_programs() -> None:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [name for name in PROGRAMS if not shutil.which(name, path=path)]
    if missing:
        raise LabError(
            f"not installed: {', '.join(missing)}; run lab/bootstrap"
        )


def _check_namespaces() -> None:
    flags = ["--net", "--mount", "--uts"]
    done = command.run(["unshare", *flags, "true"], check=False)
    if done.returncode:
        raise LabError(
            "this machine does not allow network, mount and UTS namespaces "
            f"({done.stderr.strip()}); a container needs --privileged"
        )


def _check_addresses() -> None:
    """The lab's own bridge has no address: any in its subnet is alien."""
    links: list[dict[str, Any]] = json.loads(
        command.run(["ip", "-json", "-4", "addr"]).stdout
    )
    for link in links:
        for address in link.get("addr_info", []):
            if address.get("local", "").startswith(SUBNET):
                raise LabError(
                    f"{address['local']} on {link['ifname']}: the lab uses "
                    f"{SUBNET}0/24 (on {BRIDGE}); take the address away"
                )


def check_memory(needed_gib: int) -> None:
    """Raise LabError where less is free."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            gib = int(line.split()[1]) / 1024**2
            if gib < needed_gib:
                raise LabError(
                    f"{gib:.1f} GiB of memory free; the lab needs {needed_gib}"
                )
