"""Policies by name."""

from importlib import metadata

import pytest
from stevedore import extension

from nova_livemig_gpu.exception import PolicyNotFound
from nova_livemig_gpu.policies import loader
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.policies.base import Policy
from nova_livemig_gpu.policies.nova import NovaPolicy

#: What somebody's package could bring.
FOREIGN = {
    "broken": "nova_livemig_gpu.no_such_module:Policy",
    "half": "nova_livemig_gpu.policies.base:NoSuchClass",
    "alien": "json:JSONDecoder",
    "value": "nova_livemig_gpu.policies.loader:NAMESPACE",
}


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the entry points of ``FOREIGN``."""
    points = [
        metadata.EntryPoint(name, target, loader.NAMESPACE)
        for name, target in FOREIGN.items()
    ]
    monkeypatch.setattr(
        extension.ExtensionManager,
        "list_entry_points",
        lambda manager: points,
    )


def test_ours_are_found():
    assert loader.find("adaptive") is AdaptivePolicy
    assert loader.find("nova") is NovaPolicy


def test_every_product_has_its_policies():
    assert {
        "nova-staircase",
        "nova-vgpu-guide",
        "ovirt-minimal-downtime",
        "ovirt-suspend",
        "ovirt-post-copy",
        "ovirt-very-large",
        "kubevirt",
        "kubevirt-disrupt",
        "kubevirt-stall",
        "kubevirt-stall-disrupt",
        "proxmox",
        "xen-2005",
    } <= set(loader.names())


def test_names_are_sorted_and_whole():
    names = loader.names()
    assert names == sorted(set(names))
    assert {"adaptive", "nova"} <= set(names)
    for name in names:
        assert issubclass(loader.find(name), Policy)


def test_unknown_policy_is_named_with_those_that_are_there():
    with pytest.raises(PolicyNotFound) as caught:
        loader.find("no-such")
    assert "no-such" in str(caught.value)
    assert "adaptive" in str(caught.value)


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_policy_is_not_found(foreign, name, caplog):
    with pytest.raises(PolicyNotFound):
        loader.find(name)
    assert name in caplog.text, "the log must tell why"
