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
SPEEDS = {
    "ens1": "25000\n",
    "bond0.7": "200000\n",
    "dead": "-1\n",
}


@pytest.fixture
def at(tmp_path: Path) -> Callable[..., int | None]:
    for name in INTERFACES:
        folder = tmp_path / "class/net" / name
        folder.mkdir(parents=True)
        if name in SPEEDS:
            (folder / "speed").write_text(SPEEDS[name])

    def speed(address: str, resolve: object = None) -> int | None:
        found = Link(tmp_path, lambda: INTERFACES, resolve or _nobody)  # type: ignore[arg-type]
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
def test_nonsense_is_unknown(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "class/net/ens1"
    folder.mkdir(parents=True)
    (folder / "speed").write_text(text)
    found = Link(tmp_path, lambda: INTERFACES, _nobody)
    assert found.speed_mbps("192.0.2.7") is None


def test_a_name_is_resolved_once(tmp_path: Path) -> None:
    folder = tmp_path / "class/net/ens1"
    folder.mkdir(parents=True)
    (folder / "speed").write_text("10000")
    asked = []

    def resolve(name: str) -> list[str]:
        asked.append(name)
        return ["2001:db8::99", "192.0.2.7"]

    found = Link(tmp_path, lambda: INTERFACES, resolve)
    assert [found.speed_mbps("compute-7") for _ in range(3)] == [10_000] * 3
    assert asked == ["compute-7"]


def test_a_name_without_address_is_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = Link(tmp_path, lambda: INTERFACES, _nobody)
    assert [found.speed_mbps("compute-7") for _ in range(3)] == [None] * 3
    (record,) = caplog.records
    assert "compute-7" in record.getMessage()
    assert "link_mbps" in record.getMessage()


def test_this_host_has_interfaces() -> None:
    """The real look: at least the loopback is there."""
    carried = [each for of in link.interfaces().values() for each in of]
    assert "127.0.0.1" in carried


def test_this_hosts_own_name_is_resolved() -> None:
    assert set(link.resolve("127.0.0.1")) == {"127.0.0.1"}
