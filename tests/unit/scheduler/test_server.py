"""What a server needs, from Nova's objects and its host's facts."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.model import HostFacts
from nova_livemig_gpu.scheduler import server as servers
from nova_livemig_gpu.scheduler.needs import ServerNeeds, StunNeeds, VgpuNeeds
from tests import builders_facts as builders
from tests.unit.scheduler.fakes import RULES, a_server

HERE = builders.a_host(active=(builders.a_vgpu(),))
VGPU = {"resources:VGPU": "1"}


def needs(
    source: HostFacts | None = HERE, rules: Rules = RULES, **server: Any
) -> ServerNeeds:
    return servers.needs_with(a_server(**server), source, rules)


def flavor(**extra_specs: str) -> dict[str, Any]:
    return {"flavor": SimpleNamespace(extra_specs=extra_specs, memory_mb=512)}


def test_the_cpu_is_the_servers_own() -> None:
    source = replace(HERE, guests=(builders.a_guest(),))
    found = needs(source)
    assert found.cpu is not None and not found.cpu_unknown
    assert (found.cpu.machine_type, found.cpu.assumed) == ("pc-q35-10.0", None)


def test_a_cpu_that_nobody_tells_is_unknown() -> None:
    found = needs(None)
    assert found.cpu is None and "source" in found.cpu_unknown


def test_the_vgpu_is_what_the_host_tells() -> None:
    gpu = builders.a_gpu()
    assert needs().vgpus == (VgpuNeeds(gpu, gpu.types[0], 1),)
    two = builders.a_host(active=(builders.a_vgpu(), builders.a_vgpu()))
    assert needs(two).vgpus == (VgpuNeeds(gpu, gpu.types[0], 2),)


def test_others_vgpus_are_not_ours() -> None:
    other = builders.a_host(active=(builders.a_vgpu("another"),))
    assert needs(other).vgpus == ()


@pytest.mark.parametrize(
    "source",
    [
        None,
        builders.a_host(gpus=None),
        builders.a_host(active=None),
        builders.a_host(active=()),
        builders.a_host(active=(builders.a_vgpu(gpu="gone"),)),
        builders.a_host(active=(builders.a_vgpu(type_id="odd"),)),
    ],
)
def test_a_vgpu_that_nobody_tells_is_unknown(source: Any) -> None:
    found = needs(source, **flavor(**VGPU))
    assert found.vgpus is None and "source" in found.vgpus_unknown


def test_without_facts_a_server_without_vgpu_has_none() -> None:
    assert needs(None).vgpus == ()
    assert needs(None, **flavor(**{"hw:cpu_policy": "shared"})).vgpus == ()


def test_an_nvidia_vf_is_a_vgpu() -> None:
    device = SimpleNamespace(vendor_id="10de")
    assert needs(None, pci_devices=[device]).vgpus is None
    device = SimpleNamespace(vendor_id="8086")
    assert needs(None, pci_devices=[device]).vgpus == ()


@pytest.mark.parametrize(
    ("key", "asks"),
    [
        ("resources:VGPU", True),
        ("resources2:VGPU", True),
        ("resources_GPU:VGPU", True),
        ("resources:CUSTOM_H100", True),
        ("resources:CUSTOM_OTHER", False),
        ("trait:VGPU", False),
    ],
)
def test_which_flavors_ask(key: str, asks: bool) -> None:
    rules = Rules(vgpu_resource_classes=("VGPU", "CUSTOM_H100"))
    assert servers.asks_for_vgpu({key: "1"}, rules) is asks
    assert not servers.asks_for_vgpu(None, rules)


STUN = builders.a_vgpu(stun_ms=1024.0)
STUNNED = builders.a_host(active=(STUN,))


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the settings were asked with; they are the defaults then."""
    asked: list[Any] = []

    def told(server: Any, defaults: Any, by_image: Any) -> Any:
        asked.append((defaults, by_image))
        return defaults

    monkeypatch.setattr(servers.server_settings, "resolve", told)
    return asked


def test_the_stun_is_what_the_host_predicts(resolved: list[Any]) -> None:
    assert needs(STUNNED).stun == StunNeeds(1024.0, 500, 25_000, "refuse")
    assert len(resolved) == 1
    assert needs().memory_mib == 2048


def test_a_host_that_does_not_tell_its_budget(resolved: list[Any]) -> None:
    source = replace(
        STUNNED, max_downtime_ms=None, over_budget=None, link_mbps=None
    )
    rules = Rules(
        max_downtime_ms=77, over_budget="warn", image_properties=("goal",)
    )
    assert needs(source, rules).stun == StunNeeds(1024.0, 77, None, "warn")
    assert resolved[0][1] == ("goal",)


@pytest.mark.parametrize(
    "active",
    [None, (), (replace(STUN, server="other"),), (builders.a_vgpu(),)],
)
def test_without_a_prediction_nothing_is_looked_up(
    active: Any, resolved: list[Any]
) -> None:
    assert needs(builders.a_host(active=active)).stun is None
    assert resolved == []
