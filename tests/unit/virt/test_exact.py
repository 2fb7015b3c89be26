import os
from types import SimpleNamespace

import pytest
from nova import exception

from nova_livemig_gpu.model import Compatibility, VgpuMetadata
from nova_livemig_gpu.virt import exact
from tests import builders_facts as build

INSTANCE = SimpleNamespace(uuid="u1", host="source")


class Data(dict):
    """A versioned object has attributes and knows which are set."""

    __getattr__ = dict.__getitem__


META = VgpuMetadata((b"meta",))


def check(answer, on_unknown="warn", types=None, metadata=META):
    asked = []

    def ask_source(host, server):
        asked.append((host, server))
        return metadata

    def compatibility(blob, gpu):
        asked.append((blob, gpu))
        return answer

    exact.check(
        INSTANCE,
        Data(
            source_mdev_types=types or {"s": "nvidia-558"},
            target_mdevs={"s": "d"},
        ),
        lambda: [
            {"uuid": "other", "parent": "pci_0000_99_00_0"},
            {"uuid": "d", "parent": "pci_0000_41_00_0"},
        ],
        SimpleNamespace(compatibility=compatibility),
        ask_source,
        on_unknown,
    )
    return asked


def test_the_source_is_asked_and_the_claimed_gpu():
    asked = check(Compatibility(True, "live"))
    assert asked == [("source", "u1"), (b"meta", "0000:41:00.0")]


def test_no_is_a_precheck_error_with_the_reason():
    with pytest.raises(exception.MigrationPreCheckError) as caught:
        check(Compatibility(False, "limited by the host driver"))
    assert "limited by the host driver" in str(caught.value)


def test_unknown_is_the_options_business():
    unknown = Compatibility(None, "no NVML")
    check(unknown, "warn")
    check(unknown, "allow")
    with pytest.raises(exception.MigrationPreCheckError) as caught:
        check(unknown, "refuse")
    assert "unknown_compatibility" in str(caught.value)


def test_a_source_that_does_not_answer_is_unknown(caplog):
    check(None, "warn", metadata=VgpuMetadata(None, "source gave no answer"))
    assert "source gave no answer" in caplog.text


def test_other_vendors_and_servers_without_vgpu_are_not_asked():
    assert check(None, types={"s": "mtty-1"}) == []
    exact.check(INSTANCE, Data(), None, None, None, "refuse")


def test_the_parent_may_be_a_virtual_function(tmp_path):
    pci = tmp_path / "bus/pci/devices"
    for name in ("0000:41:00.4", "0000:41:00.0"):
        (pci / name).mkdir(parents=True)
    os.symlink("../0000:41:00.0", pci / "0000:41:00.4/physfn")
    sysfs = str(tmp_path)
    assert exact.gpu_address("pci_0000_41_00_4", sysfs) == "0000:41:00.0"
    assert exact.gpu_address("pci_0000_41_00_0", sysfs) == "0000:41:00.0"


def test_the_parent_may_be_no_pci_device(tmp_path):
    """Its address is what the kernel calls it, as the facts have it."""
    for name in ("mtty", "odd-name", "name", "0000:41:00.0"):
        (tmp_path / "class/mdev_bus" / name).mkdir(parents=True)
    sysfs = str(tmp_path)
    assert exact.gpu_address("mtty_mtty", sysfs) == "mtty"
    assert exact.gpu_address("odd_odd_name", sysfs) == "odd-name"
    assert exact.gpu_address("vfio_name", sysfs) == "name"
    assert exact.gpu_address("elsewhere_thing", sysfs) == "elsewhere_thing"
    assert exact.gpu_address("mtty_mtty", str(tmp_path / "no")) == "mtty_mtty"


def candidates(needs, on_unknown="warn", answer=None):
    asked = []

    def ask_source(host, server):
        asked.append(host)
        return META

    exact.check_candidates(
        INSTANCE,
        needs,
        (build.a_gpu("0000:81:00.0"),),
        SimpleNamespace(compatibility=lambda blob, gpu: answer),
        ask_source,
        on_unknown,
    )
    return asked


def test_before_a_claim_nvml_is_asked_for_gpus_with_the_type():
    needs = build.gpu_needs(build.a_gpu())
    assert candidates(needs, answer=Compatibility(True, "live"))
    with pytest.raises(exception.MigrationPreCheckError) as caught:
        candidates(needs, answer=Compatibility(False, "limited by the GPU"))
    assert "0000:81:00.0" in str(caught.value)


def test_a_source_that_does_not_tell_is_the_options_business(caplog):
    needs = build.needs(vgpus=None, vgpus_unknown="source is silent")
    assert candidates(needs) == []
    assert "source is silent" in caplog.text
    with pytest.raises(exception.MigrationPreCheckError):
        candidates(needs, "refuse")


def test_no_vgpu_and_no_nvml_ask_nobody():
    assert candidates(build.needs(vgpus=()), "refuse") == []
    mtty = build.gpu_needs(build.a_gpu(driver=None))
    assert candidates(mtty, "refuse") == []
