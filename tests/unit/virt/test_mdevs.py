"""A clean device for the next try, and no other is touched."""

from types import SimpleNamespace

import pytest

from nova_livemig_gpu.virt import mdevs as mdevs_module
from nova_livemig_gpu.virt.mdevs import Mdevs

INSTANCE = SimpleNamespace(uuid="s1")


class Refused(Exception):
    """Of libvirt."""


class Host:
    """libvirt's node devices: those defined, and those active."""

    def __init__(self):
        self.calls = []
        self.broken = None
        self.defined = {"mdev_m1", "mdev_m2", "mdev_m9"}
        self.active = {"mdev_m1", "mdev_m2", "mdev_m9"}
        #: how many questions it takes libvirt to see that one has gone
        self.slow = 0

    def device_lookup_by_name(self, name):
        return Node(self, name)

    def get_connection(self):
        return self

    def nodeDeviceCreateXML(self, xml, flags):
        name = xml.removeprefix("<device>")
        if self.broken == "create" or name in self.active | self.defined:
            raise Refused("cannot be created")
        self.calls.append(("create of XML", name))
        self.active.add(name)


class Node:
    def __init__(self, host, name):
        self._host = host
        self._name = name

    def name(self):
        return self._name

    def XMLDesc(self, flags):
        return f"<device>{self._name}"

    def isPersistent(self):
        return self._name in self._host.defined

    def destroy(self):
        if self._host.broken == "destroy":
            raise RuntimeError("busy")
        self._host.calls.append(("destroy", self._name))
        self._host.active.discard(self._name)

    def create(self, flags):
        if self._host.slow > 0:
            self._host.slow -= 1
            raise Refused("is already active")
        if self._host.broken == "create" or not self.isPersistent():
            raise Refused("cannot be started")
        self._host.calls.append(("create", self._name))
        self._host.active.add(self._name)

    def undefine(self):
        raise AssertionError("an operator may have defined it")


@pytest.fixture(autouse=True)
def no_wait(monkeypatch):
    monkeypatch.setattr(mdevs_module.time, "sleep", lambda seconds: None)


class Driver:
    """A host with three mdevs; s1's failed migration has claimed m1."""

    supported_vgpu_types = ["nvidia-558"]

    def __init__(self):
        self._host = Host()
        self.instance_claimed_mdevs = {"s1": ["m1"], "s9": ["m9"]}
        self.assigned = {"m2": "s2"}
        self.types = {"m1": "nvidia-558", "m2": "nvidia-558", "m9": "mtty-1"}

    def _get_mediated_devices(self, types=None):
        return [
            {"uuid": uuid, "dev_id": f"mdev_{uuid}", "type": kind}
            for uuid, kind in self.types.items()
        ]

    def _get_all_assigned_mediated_devices(self, instance=None):
        claimed = {
            mdev: owner
            for owner, mdevs in self.instance_claimed_mdevs.items()
            for mdev in mdevs
        }
        return {**claimed, **self.assigned}


@pytest.fixture
def driver():
    return Driver()


def mdevs(driver, on=True):
    options = SimpleNamespace(read=lambda: SimpleNamespace(clean_mdevs=on))
    return Mdevs(SimpleNamespace(driver=driver, options=options))


def roll_back(driver, on=True):
    """As the driver does around Nova's own rollback."""
    own = mdevs(driver, on)
    held = own.hold(INSTANCE)
    driver.instance_claimed_mdevs.pop("s1", None)
    during = dict(driver._get_all_assigned_mediated_devices())
    own.renew(INSTANCE, held)
    return during


def test_what_was_claimed_is_made_anew(driver):
    """The same UUID, defined as it was: perhaps an operator's."""
    during = roll_back(driver)
    assert driver._host.calls == [
        ("destroy", "mdev_m1"),
        ("create", "mdev_m1"),
    ]
    assert "m1" in during, "nobody else may take it meanwhile"
    assert driver.instance_claimed_mdevs == {"s9": ["m9"]}
    assert driver._host.active == driver._host.defined


def test_a_transient_one_is_made_of_what_libvirt_said(driver):
    driver._host.defined.discard("mdev_m1")
    roll_back(driver)
    assert driver._host.calls == [
        ("destroy", "mdev_m1"),
        ("create of XML", "mdev_m1"),
    ]
    assert "mdev_m1" not in driver._host.defined


def test_libvirt_may_see_late_that_it_has_gone(driver):
    driver._host.slow = 5
    roll_back(driver)
    assert driver._host.calls[-1] == ("create", "mdev_m1")


@pytest.mark.parametrize("defined", [True, False])
def test_one_that_cannot_be_made_anew_stays_defined_and_is_told(
    driver, caplog, defined
):
    """Another took its place on the GPU."""
    if not defined:
        driver._host.defined.discard("mdev_m1")
    before = set(driver._host.defined)
    driver._host.broken = "create"
    roll_back(driver)
    assert driver._host.calls == [("destroy", "mdev_m1")]
    assert driver._host.defined == before
    assert "cannot be made anew" in caplog.text
    assert driver.instance_claimed_mdevs == {"s9": ["m9"]}


def test_it_can_be_turned_off(driver):
    roll_back(driver, on=False)
    assert driver._host.calls == []
    assert driver.instance_claimed_mdevs == {"s9": ["m9"]}


def test_a_server_without_a_claim(driver):
    del driver.instance_claimed_mdevs["s1"]
    roll_back(driver)
    assert driver._host.calls == []


def test_one_that_a_server_has_stays(driver):
    driver.assigned["m1"] = "s1"
    roll_back(driver)
    assert driver._host.calls == []


def test_one_that_another_has_claimed_stays(driver):
    driver.instance_claimed_mdevs["s9"] = ["m1"]
    roll_back(driver)
    assert driver._host.calls == []


def test_a_type_that_nova_does_not_manage_stays(driver):
    driver.types["m1"] = "mtty-1"
    roll_back(driver)
    assert driver._host.calls == []


def test_one_that_is_gone_already(driver):
    del driver.types["m1"]
    roll_back(driver)
    assert driver._host.calls == []


def test_one_that_cannot_be_removed_is_told_and_unclaimed(driver, caplog):
    driver._host.broken = "destroy"
    roll_back(driver)
    assert "Bad file descriptor" in caplog.text
    assert driver.instance_claimed_mdevs == {"s9": ["m9"]}


def test_a_fault_while_it_is_held(caplog):
    assert mdevs(SimpleNamespace()).hold(INSTANCE) == ()
    assert "left as they are" in caplog.text
