"""What is asked of QEMU only where both ends can do it."""

from types import SimpleNamespace

import libvirt
import pytest
from nova import objects

from nova_livemig_gpu.virt import channels
from tests.unit.virt.test_devices import domain

LIVE = libvirt.VIR_MIGRATE_LIVE
CONTEXT = SimpleNamespace(elevated=lambda: "admin")


def host(qemu=(10, 0, 0), lib=(11, 3, 0)):
    def has_min_version(lv_ver=None, hv_ver=None):
        return (lv_ver or (0,)) <= lib and (hv_ver or (0,)) <= qemu

    return SimpleNamespace(has_min_version=has_min_version)


@pytest.fixture
def there(monkeypatch):
    """Set the QEMU versions that the destination reports."""

    def report(*numbers, error=None):
        def get_all_by_host(context, name):
            assert (context, name) == ("admin", "dest")
            if error:
                raise error
            return [SimpleNamespace(hypervisor_version=n) for n in numbers]

        monkeypatch.setattr(
            objects,
            "ComputeNodeList",
            SimpleNamespace(get_all_by_host=get_all_by_host),
            raising=False,
        )

    report(10_000_002)
    return report


def why(here=None, machine="pc-q35-10.0", flags=LIVE):
    driver = SimpleNamespace(_host=here or host())
    return channels.no_channels(
        driver, CONTEXT, "dest", domain(machine=machine), flags
    )


def test_both_ends_can(there):
    assert why() is None
    there(11_001_000)
    assert why(machine="pc-i440fx-10.1") is None


@pytest.mark.parametrize(
    ("versions", "says"),
    [
        ((9_002_004,), "9.2.4"),
        ((10_000_000, 9_000_000), "9.0.0"),
        ((), "not known"),
        ((None,), "not known"),
        ((0,), "not known"),
    ],
)
def test_the_destination_cannot(there, versions, says):
    there(*versions)
    assert says in why()


def test_the_destination_is_not_known(there):
    there(error=RuntimeError("database is away"))
    assert "not known" in why()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"here": host(qemu=(9, 2, 0))}, "older than 10.0"),
        ({"machine": "pc-q35-9.2"}, "9.2"),
        ({"machine": "pc-q35-noble"}, "does not tell"),
        ({"flags": LIVE | libvirt.VIR_MIGRATE_TUNNELLED}, "tunnelled"),
    ],
)
def test_this_end_cannot(there, changes, says):
    assert says in why(**changes)


@pytest.mark.parametrize(
    ("wanted", "budget", "mib_s"),
    [
        (None, None, 119),
        (None, 400, 48),
        (10_000, 400, 1192),
        (8, None, 1),
    ],
)
def test_what_qemu_is_told_of_the_link(wanted, budget, mib_s):
    assert channels.switchover_mib_s(host(), wanted, budget) == mib_s


@pytest.mark.parametrize(
    "old", [host(lib=(11, 0, 0)), host(qemu=(8, 1, 0))], ids=["lib", "qemu"]
)
def test_an_old_one_is_not_told(old):
    assert channels.switchover_mib_s(old, 1000, None) is None


def test_an_old_libvirt_python_has_no_name_for_it(monkeypatch):
    monkeypatch.delattr(
        libvirt, "VIR_MIGRATE_PARAM_BANDWIDTH_AVAIL_SWITCHOVER"
    )
    assert channels.parameter() is None
    assert channels.switchover_mib_s(host(), 1000, None) is None
