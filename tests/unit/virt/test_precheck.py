from types import SimpleNamespace

import pytest
from nova import exception

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.facts import codec
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
        flavor=SimpleNamespace(extra_specs=extra_specs),
        pci_devices=None,
        vcpu_model=None,
        system_metadata={},
    )


def stats(**changes):
    return codec.encode(build.a_host(**changes))


VGPU = {"resources:VGPU": "1"}


def check(source, here):
    precheck.check(instance(**VGPU), source, here, "here")


def test_equal_hosts_pass():
    source = stats(gpus=(build.a_gpu(),), active=(build.a_vgpu(),))
    check(source, stats(gpus=(build.a_gpu(),)))


def test_another_board_is_refused_in_the_filters_words():
    source = stats(gpus=(build.a_gpu(),), active=(build.a_vgpu(),))
    here = stats(gpus=(build.a_gpu(board="900-21010-0040-000"),))
    with pytest.raises(exception.MigrationPreCheckError) as caught:
        check(source, here)
    assert "vgpu.board" in str(caught.value)
    assert "here:" in str(caught.value)


def test_what_is_unknown_is_left_to_nova():
    check({}, stats(gpus=(build.a_gpu(),)))
    check(stats(gpus=None), {})


def test_a_fault_of_ours_refuses_nobody(caplog):
    precheck.check(SimpleNamespace(uuid="u"), stats(), stats(), "here")
    assert "left to Nova" in caplog.text
