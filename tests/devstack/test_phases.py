# SPDX-License-Identifier: Apache-2.0
"""The plugin's phases in DevStack's own functions, on DevStack's nova.conf."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.devstack.node import CONTROLLER, REPO, Node
from tests.devstack.sections import parse, read

sys.path.insert(0, str(REPO / "lab"))

from livelab.checks import gpu_hosts
from livelab.cloud import conf_nova, ini
from livelab.cloud.mode import Mode
from livelab.cloud.site import Site

ALL = f"{CONTROLLER},n-cpu"
STACK = ("conf", "install", "post-config", "merge", "start", "extra")
OPTIONS = 'LIVEMIG_GPU_OPTIONS="max_downtime_ms=300 goal=gentle"'
# What the plugin is there for; the rest of nova.conf is DevStack's.
OURS = {
    "DEFAULT": ("compute_driver",),
    "filter_scheduler": (
        "available_filters",
        "enabled_filters",
        "weight_classes",
    ),
    "livemig_gpu": ("max_downtime_ms", "goal"),
}


@pytest.fixture
def lab(tmp_path: Path) -> dict[str, dict[str, dict[str, list[str]]]]:
    """What the lab writes with the plugin and both filters."""
    site = Site(tmp_path / "lab")
    mode = Mode(
        "plugin",
        {"livemig_gpu": {"max_downtime_ms": 300, "goal": "gentle"}},
        gpu_hosts.CONTROLLER,
    )
    return {
        "controller": parse(ini.render(conf_nova.controller(site, mode))),
        "compute": parse(
            ini.render(conf_nova.compute(site, site.computes[0], mode))
        ),
    }


def test_one_line_gives_what_the_lab_has(node: Node, lab) -> None:
    """All services on one node: nova.conf and nova-cpu.conf."""
    node.local_conf(ALL, OPTIONS)
    node.run(*STACK)
    for file, wanted in (
        (node.conf, lab["controller"]),
        (node.cpu_conf, lab["compute"]),
    ):
        found = read(file)
        for section, names in OURS.items():
            for name in names:
                if name not in wanted.get(section, {}):
                    continue
                got, want = found[section][name], wanted[section][name]
                if name == "enabled_filters":
                    # DevStack has more filters of Nova's than the lab
                    assert set(want[0].split(",")) >= {
                        "CPUCompatibilityFilter",
                        "VGPUCompatibilityFilter",
                    }
                    got = got[0].split(",")[-2:]
                    want = want[0].split(",")[-2:]
                assert got == want, f"{file.name} [{section}] {name}"
        drivers = found["oslo_messaging_notifications"]["driver"]
        assert drivers == ["messagingv2", "livemig_gpu"]
    assert wanted["DEFAULT"]["compute_driver"] == ["livemig_gpu.LibvirtDriver"]


def test_nova_reads_it(node: Node) -> None:
    """Nova's own handlers load driver, filters and weigher from the files."""
    node.local_conf(ALL, OPTIONS)
    node.run(*STACK)
    done = subprocess.run(
        [sys.executable, "-m", "tests.devstack.nova_reads", node.cpu_conf],
        cwd=REPO,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["compute_driver"] == "nova.virt.livemig_gpu.LibvirtDriver"
    assert found["steers"] == "nova_livemig_gpu.virt.driver"
    assert found["notifiers"] == ["livemig_gpu", "messagingv2"]
    assert found["filters"] >= 9
    assert "CPUCompatibilityFilter" in found["enabled"]
    assert "VGPUCompatibilityFilter" in found["enabled"]
    assert "MigrationCostWeigher" in found["weighers"]
    assert "RAMWeigher" in found["weighers"]
    assert found["max_downtime_ms"] == 300


def test_twice_is_once(node: Node) -> None:
    """Each phase again on the same files, and a whole stack.sh again."""
    node.local_conf(f"{ALL},tempest", OPTIONS)
    steps = ("conf", "post-config", "post-config", "start", "extra", "extra")
    node.run(*steps, "test-config", "test-config", *steps)
    once = node.after("2-post-config")
    assert node.after("3-post-config") == once
    assert node.after("10-post-config") == once
    for file in ("nova/nova.conf", "nova/nova-cpu.conf", "tempest.conf"):
        assert node.after("8-test-config", file) == node.after(
            "7-test-config", file
        )
        assert node.after("14-extra", file) == node.after(
            "8-test-config", file
        )


def test_clean_leaves_nothing(node: Node) -> None:
    more = (
        f"{OPTIONS}\nLIVEMIG_GPU_AUDIT_LOG={node.root}/audit.log\n"
        'LIVEMIG_GPU_MDEV_TYPES="nvidia-474=0000:84:00.0 mtty-1"'
    )
    node.local_conf(f"{ALL},tempest", more)
    state = node.root / "data/nova/livemig_gpu"
    state.mkdir(parents=True)
    (state / "audit.log").touch()
    (node.root / "audit.log").touch()
    node.run(*STACK, "test-config", "unstack", "clean", "clean")
    for step in ("9-clean", "10-clean"):
        for name, before in (("nova.conf", "1-conf"), ("nova-cpu.conf", None)):
            text = node.after(step, f"nova/{name}")
            assert "livemig" not in text.lower(), f"{step} {name}"
            if before:
                stock = parse(node.after(before, f"nova/{name}"))
                assert parse(text) == stock
    cpu = parse(node.after("9-clean", "nova/nova-cpu.conf"))
    assert cpu["DEFAULT"]["compute_driver"] == ["libvirt.LibvirtDriver"]
    assert "devices" not in cpu
    assert node.after("9-clean", "tempest.conf").strip() == ""
    assert not state.exists()
    assert not (node.root / "audit.log").exists()
    assert not (node.plugin / "nova_livemig_gpu.egg-info").exists()
    assert "pip uninstall -y nova-livemig-gpu" in node.calls()


def test_clean_without_a_stack(node: Node) -> None:
    """clean.sh may meet a machine that never was stacked."""
    node.local_conf(ALL)
    node.run("clean")
    assert not node.conf.exists()


def test_controller_alone(node: Node) -> None:
    """No nova-compute: no driver, no libvirt; filters and audit log."""
    node.local_conf(CONTROLLER, OPTIONS)
    node.run("conf", "install", "post-config", "extra")
    found = read(node.conf)
    assert "compute_driver" not in found["DEFAULT"]
    assert len(found["filter_scheduler"]["available_filters"]) == 3
    assert found["livemig_gpu"]["max_downtime_ms"] == ["300"]
    (pip,) = [line for line in node.calls() if line.startswith("pip ")]
    assert pip.endswith(f"-e {node.plugin}")


def test_compute_alone(node: Node) -> None:
    """A subnode: driver and options, no filters."""
    node.local_conf("n-cpu,placement-client", OPTIONS)
    node.run(*STACK)
    found = read(node.cpu_conf)
    assert found["DEFAULT"]["compute_driver"] == ["livemig_gpu.LibvirtDriver"]
    assert "available_filters" not in found["filter_scheduler"]
    assert "CPUComp" not in found["filter_scheduler"]["enabled_filters"][0]
    assert found["oslo_messaging_notifications"]["driver"][-1] == "livemig_gpu"
    (pip,) = [line for line in node.calls() if line.startswith("pip ")]
    assert pip.endswith(f"-e {node.plugin}[compute]")


def test_local_conf_has_the_last_word(node: Node) -> None:
    rest = (
        "[[post-config|$NOVA_CONF]]\n[livemig_gpu]\nmax_downtime_ms = 77\n"
        "[[post-config|$NOVA_CPU_CONF]]\n[livemig_gpu]\ngoal = fast\n"
    )
    node.local_conf(ALL, OPTIONS, rest)
    node.run(*STACK)
    found = read(node.cpu_conf)["livemig_gpu"]
    assert found == {"max_downtime_ms": ["77"], "goal": ["fast"]}


def test_a_lost_notification_driver_comes_back(node: Node) -> None:
    """local.conf replaces it in nova-cpu.conf: said, mended, restarted."""
    rest = (
        "[[post-config|$NOVA_CPU_CONF]]\n[oslo_messaging_notifications]\n"
        "driver = noop\n"
    )
    node.local_conf(ALL, "", rest)
    said = node.run(*STACK, "extra")
    section = "oslo_messaging_notifications"
    broken = parse(node.after("5-start", "nova/nova-cpu.conf"))
    assert "livemig_gpu" not in broken[section]["driver"]
    assert "livemig_gpu" in read(node.cpu_conf)[section]["driver"]
    assert "WARNING" in said and "lacked livemig_gpu" in said
    restarts = [c for c in node.calls() if c.startswith("restart_service")]
    assert restarts == ["restart_service devstack@n-cpu"]


def test_somebody_elses_driver_is_left_alone(node: Node) -> None:
    rest = (
        "[[post-config|$NOVA_CPU_CONF]]\n[DEFAULT]\n"
        "compute_driver = libvirt.LibvirtDriver\n"
    )
    node.local_conf(ALL, "", rest)
    said = node.run(*STACK)
    found = read(node.cpu_conf)["DEFAULT"]["compute_driver"]
    assert found == ["libvirt.LibvirtDriver"]
    assert "is not ours" in said


def test_mdev_samples(node: Node) -> None:
    """What Nova's plugin builds is offered, without another line."""
    node.local_conf(ALL, "NOVA_COMPILE_MDEV_SAMPLES=True")
    said = node.run(*STACK, "clean")
    cpu = parse(node.after("6-extra", "nova/nova-cpu.conf"))
    assert cpu["devices"]["enabled_mdev_types"] == ["mtty-1"]
    assert cpu["mdev_mtty-1"]["device_addresses"] == ["mtty_mtty"]
    # this machine has no such device
    assert "offers the type mtty-1" in said
    assert "mtty" not in node.cpu_conf.read_text()


def test_nvidia(node: Node) -> None:
    """Types on virtual functions that are not there yet."""
    manage = node.root / "sriov-manage"
    types = node.root / "sys/class/mdev_bus/84.4/mdev_supported_types"
    manage.write_text(
        f'#!/bin/sh\necho "sriov-manage $*" >>{node.calls_file}\n'
        f"mkdir -p {types}/nvidia-474\n"
    )
    manage.chmod(0o755)
    more = (
        'LIVEMIG_GPU_MDEV_TYPES="nvidia-474=0000:84:00.4,0000:84:00.5 '
        'nvidia-475"\n'
        f"LIVEMIG_GPU_SRIOV_MANAGE={manage}\n"
        f"LIVEMIG_GPU_SYSFS={node.root}/sys"
    )
    node.local_conf(ALL, more)
    said = node.run(*STACK, "post-config")
    cpu = read(node.cpu_conf)
    assert cpu["devices"]["enabled_mdev_types"] == ["nvidia-474,nvidia-475"]
    assert cpu["mdev_nvidia-474"]["device_addresses"] == [
        "0000:84:00.4,0000:84:00.5"
    ]
    assert "mdev_nvidia-475" not in cpu
    assert "offers the type nvidia-475" in said
    assert "offers the type nvidia-474" not in said


def test_tempest(node: Node) -> None:
    node.local_conf(f"{ALL},tempest", "TEMPEST_PLUGINS=/opt/other")
    node.run(*STACK, "test-config")
    assert node.variable("TEMPEST_PLUGINS") == f"/opt/other {node.plugin}"
    filters = node.variable("NOVA_FILTERS")
    assert filters.endswith(",CPUCompatibilityFilter,VGPUCompatibilityFilter")
    ours = read(node.root / "etc/tempest.conf")["livemig_gpu"]
    assert ours["driver"] == ours["filters"] == ["True"]
    (records,) = ours["records"]
    assert records.endswith(f":{node.root}/data/nova/livemig_gpu/records")
    assert "vgpu_resources" not in ours


def test_off(node: Node) -> None:
    """Both switches off: the audit log is left."""
    off = "LIVEMIG_GPU_DRIVER=False\nLIVEMIG_GPU_SCHEDULER=False"
    node.local_conf(ALL, off)
    node.run(*STACK)
    found = read(node.cpu_conf)
    assert found["DEFAULT"]["compute_driver"] == ["libvirt.LibvirtDriver"]
    assert "available_filters" not in found["filter_scheduler"]
    assert found["oslo_messaging_notifications"]["driver"][-1] == "livemig_gpu"
