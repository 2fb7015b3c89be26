# SPDX-License-Identifier: Apache-2.0
"""Tests of the lab itself; those marked `lab` need root and libvirt."""

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lab"))

NEEDED = ("ip", "tc", "nsenter", "unshare", "libvirtd", "qemu-system-x86_64")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what this machine cannot do."""
    missing = [tool for tool in NEEDED if shutil.which(tool) is None]
    if os.geteuid():
        missing.append("root")
    if not missing:
        return
    skip = pytest.mark.skip(reason=f"missing: {', '.join(missing)}")
    for item in items:
        if item.get_closest_marker("lab"):
            item.add_marker(skip)
