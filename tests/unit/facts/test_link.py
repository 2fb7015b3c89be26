"""The link's speed, from a sysfs of our own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nova_livemig_gpu.facts import link
from nova_livemig_gpu.facts.link import Link

INTERFACES = {
    "lo": ["127.0.0.1", "::1"],
    "ens1": ["192.0.2.7", "fe80::1%ens1"],
    "bond0.7": ["198.51.100.7", "2001:db8::7"],
    "dead": ["203.0.113.7", "not an address"],
}


class Sys:
    """A sysfs with network interfaces."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(
        self,
        name: str,
        speed: str | None = None,
        *below: str,
        device: bool = False,
        bond: bool = False,
    ) -> None:
        """Add an interface; ``below``: those that it is made of."""
        folder = self.root / "class/net" / name
        folder.mkdir(parents=True)
        if speed is not None:
            (folder / "speed").write_text(speed)
        for there, entry in ((device, "device"), (bond, "bonding")):
            if there:
                (folder / entry).mkdir()
        for each in below:
            (folder / f"lower_{each}").symlink_to(f"../{each}")


@pytest.fixture
def sys(tmp_path: Path) -> Sys:
    return Sys(tmp_path)


@pytest.fixture
def at(sys: Sys) -> Callable[..., int | None]:
    sys.add("lo")
    sys.add("ens1", "25000\n", device=True)
    for port in ("ens2", "ens3"):
        sys.add(port, "100000\n", device=True)
    sys.add("bond0", "200000\n", "ens2", "ens3", bond=True)
    sys.add("bond0.7", "200000\n", "bond0")
    sys.add("dead", "-1\n", device=True)

    def speed(address: str, resolve: object = None) -> int | None:
        found = Link(sys.root, lambda: INTERFACES, resolve or _nobody)  # type: ignore[arg-type]
        return found.speed_mbps(address)

    return speed


def _nobody(name: str) -> list[str]:
    raise OSError("Name or service not known")


@pytest.mark.parametrize(
    ("address", "speed_mbps"),
    [
        ("192.0.2.7", 25_000),
        ("198.51.100.7", 200_000),
        ("2001:DB8:0::7", 200_000),
        ("fe80::1", 25_000),
        ("203.0.113.7", None),  # the kernel does not know
        ("127.0.0.1", None),  # no such file
        ("192.0.2.99", None),  # not an address of this host
        ("", None),
        ("no-such-host", None),
    ],
)
def test_speed(
    at: Callable[..., int | None], address: str, speed_mbps: int | None
) -> None:
    assert at(address) == speed_mbps


@pytest.mark.parametrize("text", ["", "fast", "0", "4294967295", "1e4"])
def test_nonsense_is_unknown(sys: Sys, text: str) -> None:
    sys.add("ens1", text, device=True)
    found = Link(sys.root, lambda: INTERFACES, _nobody)
    assert found.speed_mbps("192.0.2.7") is None


def carried_by(name: str, sys: Sys) -> int | None:
    found = Link(sys.root, lambda: {name: ["192.0.2.7"]}, _nobody)
    return found.speed_mbps("192.0.2.7")


@pytest.mark.parametrize("speed", ["10000", "10", "-1", "1000000"])
def test_what_has_no_device_has_no_speed(sys: Sys, speed: str) -> None:
    """A veth, a tap, a dummy: the kernel makes their speed up."""
    sys.add("veth0", speed)
    assert carried_by("veth0", sys) is None


def test_a_bridge_is_as_fast_as_its_device(sys: Sys) -> None:
    """The kernel says the speed of its fastest port, a veth here."""
    sys.add("ens1", "1000", device=True)
    sys.add("veth0", "10000")
    sys.add("tap0", "10")
    sys.add("br0", "10000", "ens1", "veth0", "tap0")
    assert carried_by("br0", sys) == 1000


def test_a_bridge_over_two_devices_says_nothing(sys: Sys) -> None:
    sys.add("ens1", "1000", device=True)
    sys.add("ens2", "25000", device=True)
    sys.add("br0", "25000", "ens1", "ens2")
    assert carried_by("br0", sys) is None


def test_a_macvlan_is_as_fast_as_what_is_below(sys: Sys) -> None:
    sys.add("ens1", "40000", device=True)
    sys.add("mac0", "10000", "ens1")
    assert carried_by("mac0", sys) == 40000


def test_a_bond_of_veths_has_no_speed(sys: Sys) -> None:
    sys.add("veth0", "10000")
    sys.add("ens1", "10000", device=True)
    sys.add("bond0", "20000", "ens1", "veth0", bond=True)
    assert carried_by("bond0", sys) is None


def test_a_bond_with_a_dead_port_is_the_others(sys: Sys) -> None:
    sys.add("ens1", "10000", device=True)
    sys.add("ens2", "-1", device=True)
    sys.add("bond0", "10000", "ens1", "ens2", bond=True)
    assert carried_by("bond0", sys) == 10000


def test_a_ring_of_interfaces_ends(sys: Sys) -> None:
    sys.add("one", "10000", "two")
    sys.add("two", "10000", "one", bond=True)
    assert carried_by("one", sys) is None


class Dns:
    """Answers what it is told to, and counts."""

    def __init__(self, *answers: list[str] | OSError) -> None:
        self._answers = list(answers)
        self.asked = 0
        self.now_s = 0.0

    def resolve(self, name: str) -> list[str]:
        self.asked += 1
        answer = (
            self._answers.pop(0)
            if len(self._answers) > 1
            else self._answers[0]
        )
        if isinstance(answer, OSError):
            raise answer
        return answer

    def link(self, sys: Sys) -> Link:
        sys.add("ens1", "10000", device=True)
        return Link(
            sys.root, lambda: INTERFACES, self.resolve, lambda: self.now_s
        )


def test_a_name_is_resolved_once(sys: Sys) -> None:
    dns = Dns(["2001:db8::99", "192.0.2.7"])
    found = dns.link(sys)
    assert [found.speed_mbps("compute-7") for _ in range(3)] == [10_000] * 3
    assert dns.asked == 1


def test_a_name_without_address_is_warned_of_once(
    sys: Sys, caplog: pytest.LogCaptureFixture
) -> None:
    dns = Dns(OSError("Name or service not known"))
    found = dns.link(sys)
    assert [found.speed_mbps("compute-7") for _ in range(3)] == [None] * 3
    (record,) = caplog.records
    assert "compute-7" in record.getMessage()
    assert "link_mbps" in record.getMessage()
    assert dns.asked == 1


@pytest.mark.parametrize(
    "first",
    [
        OSError("Temporary failure in name resolution"),
        ["127.0.0.1"],
        ["127.0.1.1"],  # as a Debian says of itself before its network is up
        [],
    ],
)
def test_a_name_that_could_not_be_resolved_is_asked_again(
    sys: Sys, first: list[str] | OSError
) -> None:
    dns = Dns(first, ["192.0.2.7"])
    found = dns.link(sys)
    assert found.speed_mbps("compute-7") is None
    dns.now_s += 59
    assert found.speed_mbps("compute-7") is None
    dns.now_s += 1
    assert found.speed_mbps("compute-7") == 10_000
    assert dns.asked == 2


def test_asking_again_becomes_seldom(sys: Sys) -> None:
    dns = Dns(OSError("Name or service not known"))
    found = dns.link(sys)
    for _ in range(24 * 60):
        found.speed_mbps("compute-7")
        dns.now_s += 60
    assert 24 <= dns.asked <= 32


def test_a_host_whose_address_has_changed_is_asked_for_again(
    sys: Sys,
) -> None:
    carried = {"ens1": ["192.0.2.7"]}
    dns = Dns(["192.0.2.7"], ["192.0.2.8"])
    sys.add("ens1", "10000", device=True)
    found = Link(sys.root, lambda: carried, dns.resolve, lambda: dns.now_s)
    assert found.speed_mbps("compute-7") == 10_000
    carried["ens1"] = ["192.0.2.8"]
    assert found.speed_mbps("compute-7") == 10_000


def test_this_host_has_interfaces() -> None:
    """The real look: at least the loopback is there."""
    carried = [each for of in link.interfaces().values() for each in of]
    assert "127.0.0.1" in carried


def test_this_hosts_own_name_is_resolved() -> None:
    assert set(link.resolve("127.0.0.1")) == {"127.0.0.1"}
