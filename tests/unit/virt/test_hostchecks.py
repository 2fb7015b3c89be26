"""What is asked before a server may come, and how often."""

from types import SimpleNamespace

import libvirt
import pytest
from nova import exception

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.facts import codec
from nova_livemig_gpu.gpu.null import NullBackend
from nova_livemig_gpu.virt import hostchecks, precheck
from nova_livemig_gpu.virt.hostchecks import HostChecks
from tests import builders_facts as build
from tests.builders import options
from tests.unit.virt.test_precheck import VGPU, instance

SOURCE = {
    "stats": codec.encode(build.a_host(active=(build.a_vgpu(),))),
}


class Reader:
    """The facts of this host; counts who reads them."""

    def __init__(self, *found):
        self.left = list(found)

    def __call__(self):
        found = self.left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def make(monkeypatch):
    monkeypatch.setattr(precheck.options, "rules", Rules)
    monkeypatch.setattr(hostchecks.nova_rpc, "TRANSPORT", None)
    monkeypatch.setattr(
        hostchecks.rpc_client,
        "Client",
        lambda *args: SimpleNamespace(vgpu_metadata=None),
    )
    asked = []
    monkeypatch.setattr(
        hostchecks.exact,
        "check_candidates",
        lambda instance, needs, gpus, *rest: asked.append((needs, gpus)),
    )

    def build_it(reader, release="34"):
        service = SimpleNamespace(
            release=release,
            gpus=NullBackend(),
            options=SimpleNamespace(read=options),
        )
        return HostChecks(service, reader), asked

    return build_it


def test_one_look_serves_both_checks(make):
    """And what the server needs is worked out once."""
    here = build.a_host()
    reader = Reader(here)
    checks, asked = make(reader)
    checks.check_host(instance(**VGPU), SOURCE)
    ((needs, gpus),) = asked
    assert (reader.left, gpus) == ([], here.gpus)
    assert needs.vgpus[0].type == build.a_type(1)


def test_a_refusal_ends_it(make):
    gpu = build.a_gpu(types=(build.a_type(2),))
    checks, asked = make(Reader(build.a_host(gpus=(gpu,))))
    with pytest.raises(exception.MigrationPreCheckError, match=r"vgpu\.type"):
        checks.check_host(instance(**VGPU), SOURCE)
    assert asked == []


@pytest.mark.parametrize(
    "source", [None, {}, {"stats": None}, {"stats": {}}, {"stats": "1"}]
)
def test_of_a_source_that_tells_nothing_nothing_is_known(make, source):
    """And nothing is refused for it."""
    here = build.a_host()
    checks, asked = make(Reader(here))
    checks.check_host(instance(**VGPU), source)
    ((needs, gpus),) = asked
    assert (needs.cpu, needs.vgpus) == (None, None)
    assert needs.vgpus_unknown and gpus == here.gpus


@pytest.mark.parametrize(
    "error",
    [
        libvirt.libvirtError("no space"),
        exception.ComputeResourcesUnavailable(reason="mdev"),
    ],
)
def test_no_mdev_here_sends_the_server_to_the_next_host(error):
    """And not into ERROR."""
    with (
        pytest.raises(exception.MigrationPreCheckError, match="no mediated"),
        hostchecks.claiming(instance()),
    ):
        raise error


@pytest.mark.parametrize(
    "error",
    [exception.MigrationPreCheckError(reason="type"), ZeroDivisionError()],
)
def test_other_errors_are_novas(error):
    with pytest.raises(type(error)) as caught, hostchecks.claiming(instance()):
        raise error
    assert caught.value is error
