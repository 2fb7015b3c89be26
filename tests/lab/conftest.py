# SPDX-License-Identifier: Apache-2.0
"""Tests of the lab itself; those marked `lab` need root and libvirt."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lab"))

from livelab import paths
from livelab.hosts import Network
from livelab.libvirtd import Libvirtd

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


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A lab of its own, beside any other; the guest's files are shared."""
    state = tmp_path_factory.mktemp("lab")
    cache = paths.cache_dir(paths.state_dir())
    (state / "cache").symlink_to(cache)
    network = Network(state=state)
    network.up()
    yield network
    network.down()
    assert network.leftovers() == []


@pytest.fixture(scope="module")
def libvirtds(network: Network) -> Iterator[tuple[Libvirtd, Libvirtd]]:
    first = Libvirtd(network["compute1"])
    second = Libvirtd(network["compute2"])
    for libvirtd in (first, second):
        libvirtd.start()
    for libvirtd in (first, second):
        libvirtd.wait_ready()
    yield first, second
    for libvirtd in (first, second):
        libvirtd.stop()
