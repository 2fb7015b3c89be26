# SPDX-License-Identifier: Apache-2.0
"""Real migrations of real VFIO devices, without one: two virtual machines.

The short form of the VFIO lab. An image is made on the machine's first run
(minutes), and kept in the lab's cache.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest
from livelab import events, guest, paths
from livelab.hosts import Network
from livelab.vfio import mdev, modules, state, steer
from livelab.vfio.guest import MdevGuest, find
from livelab.vfio.lab import VfioLab
from livelab.vfio.machine import Machine
from livelab.vfio.sector import Load

from nova_livemig_gpu.model import (
    Budget,
    Goal,
    JobState,
    OnTimeout,
    Staircase,
    StartPlan,
    Surroundings,
)
from nova_livemig_gpu.policies.base import Policy
from nova_livemig_gpu.policies.staircase import StaircasePolicy

REPO = Path(__file__).resolve().parents[2]
TOOLS = ("mmdebstrap", "mke2fs", "as", "ld")
LOAD = Load(ws_mib=4, rate_mib_s=2, fill_mib=16)
CHECK_S = 1200


def _missing() -> list[str]:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if not guest.BUSYBOX.exists():
        missing.append(str(guest.BUSYBOX))
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        missing.append("/dev/net/tun")
    return missing


pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        bool(_missing()),
        reason=f"VFIO hosts need {', '.join(_missing())}; "
        "LIVEMIG_LAB_VFIO=1 lab/bootstrap installs packages",
    ),
]


@pytest.fixture(scope="module")
def lab(network: Network) -> Iterator[VfioLab]:
    libvirt.registerErrorHandler(lambda *_: None, None)
    lab = VfioLab(network)
    lab.start("mtty")
    lab.wait_ready()
    with events.running():
        yield lab
    lab.stop()


def _policy(*, postcopy: bool = False) -> Policy:
    budget = Budget(
        policy="nova-staircase",
        max_downtime_ms=500,
        timeout_s=240,
        on_timeout=OnTimeout.ABORT,
        postcopy=postcopy,
        auto_converge=False,
        bandwidth_mbps=None,
        goal=Goal.FAST,
    )
    stairs = Staircase(downtime_ms=500, steps=3, delay_s=3, size_gib=1)
    around = Surroundings(overhead_ms=100, vfio=True, staircase=stairs)
    return StaircasePolicy(budget, around)


def _arrived(
    plain: MdevGuest, source: Machine, target: Machine, policy: Policy
) -> steer.Steered:
    """Move it, and find device and memory as they were."""
    device = state.of(source)
    before = plain.device
    device.mark(source, find(source, plain.name))
    found = steer.move(plain, source, target, policy)
    assert found.error is None
    assert found.end.sample is not None
    assert found.end.sample.state is JobState.COMPLETED
    domain = find(target, plain.name)
    assert mdev.of(domain) == plain.device != before
    assert device.check(target, domain) is None
    plain.check(target)
    assert mdev.all_of(source) == []
    return found


def test_a_device_moves_there_and_back(lab: VfioLab) -> None:
    first, second = lab.machines
    plain = MdevGuest("vfio1", LOAD, kind="mtty-1")
    plain.start(first)
    try:
        found = _arrived(plain, first, second, _policy())
        assert found.stats is not None
        assert found.stats["vfio_data_transferred"] > 0
        assert found.codes[0] == "staircase"
        _arrived(plain, second, first, _policy())
    finally:
        plain.destroy(first, second)


class _Insisting(StaircasePolicy):
    """Asks for post-copy whatever is known of the server."""

    def plan(self) -> StartPlan:
        return StartPlan(
            postcopy=True,
            auto_converge=False,
            bandwidth_mib_s=0,
            max_downtime_ms=None,
        )


def test_postcopy_is_refused_and_the_guest_goes_on(lab: VfioLab) -> None:
    """Why the plugin never asks for it; and the next try works."""
    first, second = lab.machines
    plain = MdevGuest("vfio2", LOAD, kind="mtty-1")
    plain.start(first)
    try:
        sane = _policy(postcopy=True)
        found = steer.move(
            plain, first, second, _Insisting(sane.budget, sane.around)
        )
        assert found.error is not None
        assert found.end.sample is not None
        assert found.end.sample.state is not JobState.COMPLETED
        plain.check(first)
        assert mdev.all_of(second) == []
        _arrived(plain, first, second, _policy())
    finally:
        plain.destroy(first, second)


@pytest.mark.skipif(
    not modules.vgpu_sources(), reason="there is no module in lab/vgpu"
)
def test_a_framebuffer_moves_there_and_back(lab: VfioLab) -> None:
    first, second = lab.machines
    assert lab.reload_modules() != []
    assert mdev.types(first) == ["mtty-1", "mtty-2"]
    plain = MdevGuest("vfio3", LOAD, kind="mtty-1")
    plain.start(first)
    try:
        found = _arrived(plain, first, second, _policy())
        assert found.stats is not None
        assert found.stats["vfio_data_transferred"] > 16 * 2**20
        _arrived(plain, second, first, _policy())
    finally:
        plain.destroy(first, second)


@pytest.mark.nova_vfio
def test_nova_moves_servers_with_a_vgpu(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """By `openstack server migrate`, with post-copy permitted in nova.conf;
    and between cards that one vGPU fills, which must not keep a server from
    coming back."""
    shared = paths.state_dir()
    python = shared / "venv/bin/python"
    if not python.exists():
        pytest.skip(f"needs the lab's {python}; lab/bootstrap makes it")
    own = tmp_path_factory.mktemp("cloud")
    (own / "cache").symlink_to(paths.cache_dir(shared))

    def run(*words: str) -> None:
        done = subprocess.run(
            [python, "-m", "livelab", *words],
            env={
                **os.environ,
                "PYTHONPATH": str(REPO / "lab"),
                "LIVEMIG_LAB_DIR": str(own),
            },
            capture_output=True,
            text=True,
            timeout=CHECK_S,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    try:
        run("up", "--hosts", "vfio", "--rate-mbit", "0")
        run("vfio", "check", "--driver", "plugin", "--postcopy")
        full = ("--full-card", "--driver", "plugin", "--filters", "ours")
        run("vfio", "check", *full)
    finally:
        run("down")
