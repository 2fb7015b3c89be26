# SPDX-License-Identifier: Apache-2.0
"""The plugin's phases in DevStack's own functions, on DevStack's nova.conf."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.devstack.node import ALL, CONTROLLER, REPO, STACK, Node
from tests.devstack.sections import parse, read

sys.path.insert(0, str(REPO / "lab"))

from livelab.checks import gpu_hosts
from livelab.cloud import conf_nova, ini
from livelab.cloud.mode import Mode
from livelab.cloud.site import Site

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
def stock(tree: Path, tmp_path: Path) -> Node:
    """A node beside ``node``, to be stacked without the plugin."""
    return Node(tmp_path / "stock", tree)


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


def test_beside_the_background_job(node: Node) -> None:
    """Nothing is lost where DevStack's job on nova.conf is in the middle."""
    node.local_conf(ALL, OPTIONS)
    node.run(*STACK)
    alone = [read(node.conf), read(node.cpu_conf)]
    node.run(*STACK, env={"LATE": "1"})
    assert [read(node.conf), read(node.cpu_conf)] == alone
    # both have written
    assert alone[0]["neutron"]["auth_type"] == ["password"]
    assert len(alone[0]["filter_scheduler"]["available_filters"]) == 3


def test_clean_leaves_nothing(node: Node, stock: Node) -> None:
    more = (
        f"{OPTIONS}\nLIVEMIG_GPU_AUDIT_LOG={node.root}/audit.log\n"
        'LIVEMIG_GPU_MDEV_TYPES="nvidia-474=0000:84:00.0 mtty-1"'
    )
    node.local_conf(f"{ALL},tempest", more)
    state = node.root / "data/nova/livemig_gpu"
    state.mkdir(parents=True)
    (state / "audit.log").touch()
    (node.root / "audit.log").touch()
    steps = (*STACK, "test-config", "unstack", "clean", "clean")
    node.run(*steps)
    stock.local_conf(f"{ALL},tempest", plugin="")
    stock.run(*steps)
    for step in ("9-clean", "10-clean"):
        for name in ("nova/nova.conf", "nova/nova-cpu.conf", "tempest.conf"):
            text = node.after(step, name)
            assert "livemig" not in text.lower(), f"{step} {name}"
            without = stock.after(step, name)
            without = without.replace(str(stock.root), str(node.root))
            assert parse(text) == parse(without), f"{step} {name}"
    assert not state.exists()
    assert not (node.root / "audit.log").exists()
    assert not (node.plugin / "nova_livemig_gpu.egg-info").exists()
    removals = [c for c in node.calls() if c.startswith("pip uninstall")]
    # twice from Nova's environment, twice from Tempest's
    assert removals == ["pip uninstall -y nova-livemig-gpu"] * 4


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


def test_tempest(node: Node) -> None:
    node.local_conf(f"{ALL},tempest", "TEMPEST_PLUGINS=/opt/other")
    node.run(*STACK, "test-config")
    assert node.variable("TEMPEST_PLUGINS") == f"/opt/other {node.plugin}"
    filters = node.variable("NOVA_FILTERS")
    assert filters.endswith(",CPUCompatibilityFilter,VGPUCompatibilityFilter")
    tempest = read(node.root / "etc/tempest.conf")
    features = tempest["compute-feature-enabled"]
    assert features["scheduler_enabled_filters"] == [filters]
    assert features["live_migration"] == ["True"]
    ours = tempest["livemig_gpu"]
    assert ours["driver"] == ours["filters"] == ["True"]
    (records,) = ours["records"]
    assert records.endswith(f":{node.root}/data/nova/livemig_gpu/records")
    assert "vgpu_resources" not in ours


@pytest.mark.parametrize("available", ["True", "False"])
def test_what_local_conf_tells_tempest_stays(
    node: Node, available: str
) -> None:
    """LIVE_MIGRATION_AVAILABLE of local.conf holds, after clean too."""
    more = f"LIVE_MIGRATION_AVAILABLE={available}"
    node.local_conf(f"{ALL},tempest", more)
    node.run(*STACK, "test-config", "clean")
    for step in ("7-test-config", "8-clean"):
        features = parse(node.after(step, "tempest.conf"))
        values = features["compute-feature-enabled"]
        assert values["live_migration"] == [available]


def test_the_trace_says_what_is_set(node: Node) -> None:
    """stack.sh runs with xtrace: our phases are in its log, it goes on."""
    node.local_conf(ALL, OPTIONS)
    said = node.run(*STACK, "clean", env={"XTRACE": "1"})
    for call in (
        "iniset {conf} DEFAULT compute_driver livemig_gpu.LibvirtDriver",
        "iniset {conf} livemig_gpu max_downtime_ms 300",
        "iniset {conf} DEFAULT compute_driver libvirt.LibvirtDriver",
    ):
        assert call.format(conf=node.conf) in said
    assert said.count("echo '== ") == len(STACK) + 1


def test_off(node: Node) -> None:
    """Both switches off: the audit log is left."""
    off = "LIVEMIG_GPU_DRIVER=False\nLIVEMIG_GPU_SCHEDULER=False"
    node.local_conf(ALL, off)
    node.run(*STACK)
    found = read(node.cpu_conf)
    assert found["DEFAULT"]["compute_driver"] == ["libvirt.LibvirtDriver"]
    assert "available_filters" not in found["filter_scheduler"]
    assert found["oslo_messaging_notifications"]["driver"][-1] == "livemig_gpu"
