"""What the driver adds to Nova's, apart from steering."""

from types import SimpleNamespace

import libvirt
import pytest
from nova import exception
from nova.virt.libvirt import driver as libvirt_driver

from nova_livemig_gpu.virt.driver import LibvirtDriver

INSTANCE = SimpleNamespace(uuid="u1")


@pytest.fixture
def driver(monkeypatch):
    """Ours, over a Nova that has claimed an mdev for the server."""

    def claim(self, ctxt, instance, data, migration, limits, allocs):
        self.instance_claimed_mdevs[instance.uuid] = ["m1"]
        return data

    monkeypatch.setattr(
        libvirt_driver.LibvirtDriver,
        "check_source_migrate_data_at_dest",
        claim,
    )
    own = object.__new__(LibvirtDriver)
    own.instance_claimed_mdevs = {"other": ["m2"]}
    own._mdevs = SimpleNamespace(
        hold=lambda instance: (), renew=lambda instance, held: None
    )
    return own


def check(driver):
    return driver.check_source_migrate_data_at_dest(
        None, INSTANCE, "data", None, None, None
    )


def test_a_claim_stays_where_the_verdict_is_live(driver):
    driver._checks = SimpleNamespace(check_vgpus=lambda *args: None)
    assert check(driver) == "data"
    assert driver.instance_claimed_mdevs["u1"] == ["m1"]


def test_a_refusal_gives_the_claim_back(driver):
    def refuse(instance, data):
        raise exception.MigrationPreCheckError(reason="not live")

    driver._checks = SimpleNamespace(check_vgpus=refuse)
    with pytest.raises(exception.MigrationPreCheckError):
        check(driver)
    assert driver.instance_claimed_mdevs == {"other": ["m2"]}


@pytest.mark.parametrize(
    ("error", "becomes"),
    [
        (libvirt.libvirtError("no mdev"), exception.MigrationPreCheckError),
        (exception.MigrationPreCheckError(reason="x"), None),
        (RuntimeError("a fault"), None),
    ],
)
def test_an_mdev_that_is_not_made_refuses_the_host(
    driver, monkeypatch, error, becomes
):
    """Any other exception ends the server in ERROR: those are Nova's."""

    def fails(self, ctxt, instance, *args):
        self.instance_claimed_mdevs[instance.uuid] = ["m1"]
        raise error

    monkeypatch.setattr(
        libvirt_driver.LibvirtDriver,
        "check_source_migrate_data_at_dest",
        fails,
    )
    with pytest.raises(becomes or type(error), match=str(error)):
        check(driver)
    assert driver.instance_claimed_mdevs == {"other": ["m2"]}


def test_stats_are_added_to_those_of_nova(monkeypatch):
    own = object.__new__(LibvirtDriver)
    own._publisher = SimpleNamespace(stats=lambda: {"livemig_gpu": "1"})
    for theirs in ({}, {"stats": {"uptime": "3 days"}}):
        monkeypatch.setattr(
            libvirt_driver.LibvirtDriver,
            "get_available_resource",
            lambda self, node, found=theirs: dict(found),
        )
        stats = own.get_available_resource("node")["stats"]
        assert stats["livemig_gpu"] == "1"
        assert stats.keys() >= theirs.get("stats", {}).keys()


def test_traits_of_others_stay():
    told = []
    tree = SimpleNamespace(
        data=lambda node: SimpleNamespace(traits={"HW_CPU_X86_AVX"}),
        update_traits=lambda node, traits: told.append((node, traits)),
    )
    own = object.__new__(LibvirtDriver)
    own._publisher = SimpleNamespace(traits=lambda old: {*old, "CUSTOM_X"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            libvirt_driver.LibvirtDriver,
            "update_provider_tree",
            lambda self, tree, node, allocations=None: None,
        )
        own.update_provider_tree(tree, "node")
    assert told == [("node", {"HW_CPU_X86_AVX", "CUSTOM_X"})]


def test_the_room_that_a_server_has_left_is_read_at_once(monkeypatch):
    """Once Nova has removed it, and before Nova publishes."""
    done = []
    monkeypatch.setattr(
        libvirt_driver.LibvirtDriver,
        "post_live_migration_at_source",
        lambda self, context, instance, network_info: done.append("removed"),
    )
    own = object.__new__(LibvirtDriver)
    own._publisher = SimpleNamespace(renew=lambda: done.append("read"))
    own.post_live_migration_at_source(None, INSTANCE, None)
    assert done == ["removed", "read"]
