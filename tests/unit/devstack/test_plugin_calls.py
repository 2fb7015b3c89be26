"""What plugin.sh asks of DevStack in each phase, and that it ends well.

Against recorders of DevStack's functions, see recorders.sh; what becomes of
a nova.conf is tested in tests/devstack, which needs DevStack itself.
"""

import re
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[3]
RECORDERS = Path(__file__).with_name("recorders.sh")
ALL = "n-api,n-cond,n-sch,n-cpu,tempest"
STOCK = """\
nova.conf oslo_messaging_notifications driver messagingv2
nova.conf filter_scheduler enabled_filters ComputeFilter,OtherFilter
nova.conf DEFAULT compute_driver libvirt.LibvirtDriver"""
DONE = """\
nova.conf oslo_messaging_notifications driver messagingv2
nova.conf oslo_messaging_notifications driver livemig_gpu
nova.conf filter_scheduler available_filters {all}.all_filters
nova.conf filter_scheduler available_filters {ours}.cpu_filter.{cpu}
nova.conf filter_scheduler available_filters {ours}.vgpu_filter.{vgpu}
nova.conf filter_scheduler weight_classes a.Weigher,{ours}.{weigher}
nova.conf filter_scheduler enabled_filters ComputeFilter,{cpu},{vgpu}
nova.conf DEFAULT compute_driver livemig_gpu.LibvirtDriver""".format(
    all="nova.scheduler.filters",
    ours="nova_livemig_gpu.scheduler",
    cpu="CPUCompatibilityFilter",
    vgpu="VGPUCompatibilityFilter",
    weigher="cost_weigher.MigrationCostWeigher",
)


@pytest.fixture
def plugin(tmp_path):
    """Run a phase; what was called, a line each."""
    for name in ("nova.conf", "nova-cpu.conf", "tempest.conf"):
        (tmp_path / name).write_text("[livemig_gpu]\nx = 1\n")
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "devstack").symlink_to(REPO / "devstack")

    def run(*phase, services=ALL, answers=STOCK, fails="", **env):
        done = subprocess.run(
            ["bash", str(RECORDERS), str(checkout), *phase],
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "SERVICES": services,
                "ANSWERS": answers,
                "FAILS": fails,
                "XTRACE": "False",
                "VIRT_DRIVER": "libvirt",
                "NOVA_CONF": str(tmp_path / "nova.conf"),
                "NOVA_CPU_CONF": str(tmp_path / "nova-cpu.conf"),
                "TEMPEST_CONFIG": str(tmp_path / "tempest.conf"),
                "NOVA_STATE_PATH": str(tmp_path / "state"),
                "LIVEMIG_GPU_SYSFS": str(tmp_path / "sys"),
                **env,
            },
            capture_output=True,
            text=True,
        )
        assert (done.returncode == 0) == (not fails), done.stderr
        assert not done.stderr
        calls = done.stdout.replace(f"{tmp_path}/", "").splitlines()
        if not fails:
            assert calls.pop().startswith("end "), done.stdout
        return calls

    return run


@pytest.mark.parametrize(
    "phase",
    [
        ("source",),
        ("override_defaults",),
        ("stack", "pre-install"),
        ("stack", "a-phase-to-come"),
        ("unstack",),
    ],
)
def test_phases_that_are_not_ours(plugin, phase):
    assert plugin(*phase) == ["define_plugin nova-livemig-gpu"]


def test_install(plugin):
    assert "setup_develop checkout compute" in plugin("stack", "install")
    calls = plugin("stack", "install", services="n-api,n-sch")
    assert "setup_develop checkout" in calls


def test_without_nova(plugin):
    """A node for other services."""
    for phase in ("install", "post-config", "extra", "test-config"):
        calls = plugin("stack", phase, services="key,mysql")
        assert calls == ["define_plugin nova-livemig-gpu"]


def test_post_config(plugin):
    calls = plugin(
        "stack", "post-config", LIVEMIG_GPU_OPTIONS="policy=nova goal=fast"
    )
    assert (
        "iniadd nova.conf oslo_messaging_notifications driver livemig_gpu"
        in calls
    )
    assert (
        "iniset nova.conf DEFAULT compute_driver livemig_gpu.LibvirtDriver"
        in calls
    )
    assert "iniset nova.conf livemig_gpu policy nova" in calls
    assert "iniset nova.conf livemig_gpu goal fast" in calls
    available = [c.split()[-1] for c in calls if "available_filters" in c]
    assert available == [
        "nova.scheduler.filters.all_filters",
        "nova_livemig_gpu.scheduler.cpu_filter.CPUCompatibilityFilter",
        "nova_livemig_gpu.scheduler.vgpu_filter.VGPUCompatibilityFilter",
    ]
    assert (
        "iniset nova.conf filter_scheduler enabled_filters ComputeFilter,"
        "OtherFilter,CPUCompatibilityFilter,VGPUCompatibilityFilter" in calls
    )
    assert (
        "iniset nova.conf filter_scheduler weight_classes "
        "nova.scheduler.weights.all_weighers,nova_livemig_gpu.scheduler."
        "cost_weigher.MigrationCostWeigher" in calls
    )


@pytest.mark.parametrize("services", [ALL, "n-cpu,placement-client", "n-sch"])
def test_post_config_waits_for_the_background_job(plugin, services):
    """Before anything is read or written, on every node with Nova."""
    calls = plugin("stack", "post-config", services=services)
    calls = [c for c in calls if c.startswith(("ini", "async_wait"))]
    assert calls[0] == "async_wait configure_neutron_nova"
    assert len(calls) > 1


def test_post_config_ends_where_the_background_job_failed(plugin):
    calls = plugin("stack", "post-config", fails="async_wait")
    assert calls[-1] == "async_wait configure_neutron_nova"


@pytest.mark.parametrize("trace", ["True", "False"])
def test_a_trace_says_what_is_set(plugin, trace):
    """And what comes after is traced as what came before."""
    calls = plugin("stack", "post-config", XTRACE=trace)
    was_set = [c for c in calls if re.match(r"\++ iniset nova.conf ", c)]
    assert bool(was_set) == (trace == "True")
    assert ("+ : after" in calls) == (trace == "True")


def test_post_config_again(plugin):
    """Nothing is added to what is there; what is set, is set to the same."""
    calls = plugin("stack", "post-config", answers=DONE)
    assert not [c for c in calls if c.startswith("iniadd")]
    assert not [c for c in calls if c.startswith("iniset_multiline")]
    written = {
        line.split(maxsplit=3)[2]: line.split(maxsplit=3)[3]
        for line in DONE.splitlines()
    }
    for call in (c for c in calls if c.startswith("iniset ")):
        _, _, _, option, value = call.split(maxsplit=4)
        assert value == written[option]


def test_another_hypervisor(plugin):
    calls = plugin("stack", "post-config", VIRT_DRIVER="fake")
    assert not [c for c in calls if "compute_driver" in c]
    assert any(c.startswith("warn") and "needs libvirt" in c for c in calls)


def test_switched_off(plugin):
    calls = plugin(
        "stack",
        "post-config",
        LIVEMIG_GPU_DRIVER="False",
        LIVEMIG_GPU_SCHEDULER="False",
    )
    assert [c for c in calls if c.startswith("ini")] == [
        "iniadd nova.conf oslo_messaging_notifications driver livemig_gpu"
    ]


@pytest.mark.parametrize("samples", ["mtty", "mbochs mtty mdpy"])
def test_mdev_samples(plugin, samples):
    calls = plugin(
        "stack",
        "post-config",
        NOVA_COMPILE_MDEV_SAMPLES="True",
        NOVA_MDEV_SAMPLES=samples,
    )
    assert "iniset nova.conf devices enabled_mdev_types mtty-1" in calls
    assert "iniset nova.conf mdev_mtty-1 device_addresses mtty_mtty" in calls


def test_other_mdev_samples(plugin):
    calls = plugin(
        "stack",
        "post-config",
        NOVA_COMPILE_MDEV_SAMPLES="True",
        NOVA_MDEV_SAMPLES="mbochs",
    )
    assert not [c for c in calls if "mdev" in c]


def test_a_missing_type_is_said(plugin, tmp_path):
    types = tmp_path / "sys/class/mdev_bus/0000:84:00.4/mdev_supported_types"
    (types / "nvidia-474").mkdir(parents=True)
    calls = plugin(
        "stack", "extra", LIVEMIG_GPU_MDEV_TYPES="nvidia-474 nvidia-475"
    )
    said = [c for c in calls if c.startswith("warn") and "offers" in c]
    assert len(said) == 1
    assert said[0].endswith("nvidia-475")


def test_virtual_functions_are_made_once(plugin, tmp_path):
    manage = tmp_path / "sriov-manage"
    manage.write_text("")
    manage.chmod(0o755)
    env = {
        "LIVEMIG_GPU_SRIOV_MANAGE": str(manage),
        "LIVEMIG_GPU_MDEV_TYPES": "nvidia-474",
    }
    made = "sudo sriov-manage -e ALL"
    assert made in plugin("stack", "post-config", **env)
    assert made not in plugin(
        "stack", "post-config", services="n-api,n-sch", **env
    )
    types = tmp_path / "sys/class/mdev_bus/0000:84:00.4/mdev_supported_types"
    (types / "nvidia-474").mkdir(parents=True)
    assert made not in plugin("stack", "post-config", **env)


def test_test_config(plugin):
    calls = plugin("stack", "test-config")
    assert "iniset tempest.conf livemig_gpu driver True" in calls
    assert "iniset tempest.conf livemig_gpu filters True" in calls
    calls = plugin("stack", "test-config", services="tempest")
    assert "iniset tempest.conf livemig_gpu driver True" in calls
    calls = plugin("stack", "test-config", services="n-api")
    assert not [c for c in calls if "tempest" in c]


def test_clean(plugin, tmp_path):
    calls = plugin("clean", answers=DONE)
    assert "pip_uninstall nova-livemig-gpu" in calls
    assert "sudo rm -rf state/livemig_gpu" in calls
    assert (
        "iniset nova.conf DEFAULT compute_driver libvirt.LibvirtDriver"
        in calls
    )
    assert (
        "iniset_multiline nova.conf oslo_messaging_notifications driver "
        "messagingv2" in calls
    )
    assert (
        "iniset nova.conf filter_scheduler enabled_filters ComputeFilter"
        in calls
    )
    assert (
        "iniset nova.conf filter_scheduler weight_classes a.Weigher" in calls
    )
    for name in ("nova.conf", "nova-cpu.conf", "tempest.conf"):
        assert (tmp_path / name).read_text() == ""


@pytest.mark.parametrize("readme", ["README.md", "devstack/README.md"])
def test_the_line_that_is_told_names_the_branch(readme):
    """DevStack asks for ``master`` otherwise, which is not there."""
    lines = re.findall(
        r"enable_plugin nova-livemig-gpu (?:<[^>]*>) ?(\w*)",
        (REPO / readme).read_text(),
    )
    assert set(lines) == {"main"}
