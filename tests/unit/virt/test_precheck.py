from types import SimpleNamespace

import pytest
from nova import exception

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.facts import codec
from nova_livemig_gpu.model import VgpuKind
from nova_livemig_gpu.virt import precheck
from tests import builders_facts as build


@pytest.fixture(autouse=True)
def rules(monkeypatch):
    monkeypatch.setattr(precheck.options, "rules", Rules)


def instance(**extra_specs):
    return SimpleNamespace(
        uuid=build.SERVER,
        host="source",
        node="source",
        flavor=SimpleNamespace(extra_specs=extra_specs, memory_mb=512),
        pci_devices=None,
        vcpu_model=None,
        system_metadata={},
    )


VGPU = {"resources:VGPU": "1"}
SOURCE = build.a_host(active=(build.a_vgpu(),))


def check(source, here):
    stats = {} if source is None else codec.encode(source)
    server = instance(**VGPU)
    precheck.check(server, precheck.needs(server, stats), here)


def test_equal_hosts_pass():
    check(SOURCE, build.a_host())


def test_another_type_is_refused_in_the_filters_words(monkeypatch):
    monkeypatch.setattr(precheck.CONF, "host", "here")
    here = build.a_host(gpus=(build.a_gpu(types=(build.a_type(2),)),))
    with pytest.raises(exception.MigrationPreCheckError) as caught:
        check(SOURCE, here)
    assert "vgpu.type" in str(caught.value)
    assert "here:" in str(caught.value)


def test_what_is_unknown_is_left_to_nova():
    check(None, build.a_host())
    check(build.a_host(gpus=None), build.a_host(gpus=None, active=None))


@pytest.mark.parametrize(
    "cpu",
    [
        {"vendor": "AMD"},
        {"features": frozenset({"aes"})},
        {"models": frozenset()},
    ],
)
def test_the_cpu_is_novas_and_libvirts_to_judge(cpu, caplog):
    """Whatever the filter would say."""
    guests = (build.a_guest(),)
    here = build.a_host(cpu=build.a_cpu(**cpu), machine_types=("pc-q35-7.0",))
    check(build.a_host(active=(build.a_vgpu(),), guests=guests), here)
    assert "libvirt will probably refuse" in caplog.text
    assert "cpu.machine_type" in caplog.text


def test_nothing_is_said_of_a_cpu_that_may_fit(caplog):
    here = build.a_host(cpu=build.a_cpu(features=frozenset({"aes"})))
    check(SOURCE, here)
    assert "probably" not in caplog.text


@pytest.mark.parametrize(
    "changes",
    [
        {"driver": "570.172.08", "vgpu_manager": "570.172.08"},
        {"board": "900-21010-0040-000"},
        {"ecc": False},
        {"mig": True},
        {"vgpu_mode": "non_sriov"},
    ],
)
@pytest.mark.parametrize("manager", ["570.158.02", None])
def test_what_nvml_would_take_is_left_to_it(changes, manager):
    """Here, or to Nova where there is no NVML."""
    there = build.a_gpu(**{"vgpu_manager": manager, **changes})
    check(SOURCE, build.a_host(gpus=(there,)))


@pytest.mark.parametrize(
    "options",
    [
        {"driver_match": "equal"},
        {"driver_match": "branch"},
        {"driver_match": "not_older"},
    ],
)
def test_an_operator_can_be_stricter(monkeypatch, options):
    monkeypatch.setattr(precheck.options, "rules", lambda: Rules(**options))
    here = build.a_host(gpus=(build.a_gpu(driver="550.1"),))
    with pytest.raises(
        exception.MigrationPreCheckError, match=r"vgpu\.driver"
    ):
        check(SOURCE, here)


@pytest.mark.parametrize(
    "room",
    [
        {"creatable": 0},
        {"creatable": 0, "idle": 1},
        {"creatable": 0, "idle": None},
        {"creatable": None},
    ],
)
def test_room_is_novas_to_judge(room):
    """Placement has counted, and Nova may have claimed the last vGPU for
    this very server."""
    full = build.a_gpu(types=(build.a_type(1, **room),))
    check(SOURCE, build.a_host(gpus=(full,)))


def test_functions_that_offer_another_type_now_are_left_to_nova():
    """Without NVML it is not known what else they could be."""
    vf = {"kind": VgpuKind.VF, "vgpu_manager": None}
    source = build.a_host(gpus=(build.a_gpu(**vf),), active=(build.a_vgpu(),))
    other = build.a_gpu(**vf, types=(build.a_type(2),))
    check(source, build.a_host(gpus=(other,)))
