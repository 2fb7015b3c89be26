"""With libvirt's own classes, wrapped as Nova wraps them on eventlet."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import eventlet
import libvirt
import libvirt_qemu
import pytest
from eventlet import patcher, tpool
from nova.virt.libvirt.host import Host

from nova_livemig_gpu.virt import agent, commands, dirtyrate, gauges

GIB = 2**30
SLOW_S = 0.3


@pytest.fixture(params=["eventlet", "native", "as Nova does here"])
def connection(request: pytest.FixtureRequest) -> Iterator[Any]:
    """libvirt's test driver, wrapped or not."""
    own = libvirt.open("test:///default")
    if request.param == "native":
        yield own
    elif request.param == "as Nova does here":
        nova_host = object.__new__(Host)
        nova_host._libvirt_proxy_classes = Host._get_libvirt_proxy_classes(
            libvirt
        )
        yield nova_host._wrap_libvirt_proxy(own)
    else:
        yield tpool.Proxy(
            own, autowrap=(libvirt.virConnect, libvirt.virDomain)
        )
        tpool.killall()
    own.close()


@pytest.fixture
def domain(connection: Any) -> Any:
    return connection.lookupByName("test")


def _capsule(domain: Any) -> Any:
    """What the C functions take."""
    assert isinstance(domain, libvirt.virDomain)
    return domain._o


def _ticks_meanwhile(work: Any) -> int:
    """Count how often another green thread runs while ``work`` does."""
    ticks = []

    def tick() -> None:
        while True:
            ticks.append(time.monotonic())
            eventlet.sleep(0.01)

    ticking = eventlet.spawn(tick)
    eventlet.sleep(0)
    try:
        work()
    finally:
        ticking.kill()
    return len(ticks)


@pytest.mark.parametrize("name", ["agent", "monitor"])
def test_a_slow_answer_holds_up_no_green_thread(
    name: str, connection: Any, domain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def slow(domain: Any, *args: Any) -> str:
        patcher.original("time").sleep(SLOW_S)  # as C code does
        asked.append((_capsule(domain), *args))
        return "{}"

    monkeypatch.setattr(libvirt_qemu, "qemuAgentCommand", slow)
    monkeypatch.setattr(libvirt_qemu, "qemuMonitorCommand", slow)
    host = SimpleNamespace(get_connection=lambda: connection)
    work = {
        "agent": lambda: agent.ask(host, domain.UUIDString(), "{}", 5),
        "monitor": lambda: commands.to(domain).monitor("{}"),
    }[name]
    count = _ticks_meanwhile(work)
    assert len(asked) == 1
    assert asked[0][1:] == {"agent": ("{}", 5, 0), "monitor": ("{}", 0)}[name]
    if isinstance(connection, tpool.Proxy):
        assert count >= SLOW_S / 0.01 / 3


def test_an_error_of_libvirts_comes_back_as_it_is(domain: Any) -> None:
    with pytest.raises(libvirt.libvirtError, match="not supported"):
        commands.to(domain).agent("{}", 1)


def test_a_curve_is_had(
    connection: Any, domain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libvirt's functions on lists of domains take none that is wrapped."""
    started = []
    measured = {
        "dirtyrate.calc_status": 2,
        "dirtyrate.megabytes_per_second": 24,
    }
    for name, method in {
        "jobInfo": lambda self: [libvirt.VIR_DOMAIN_JOB_NONE],
        "startDirtyRateCalc": lambda self, seconds, flags: started.append(
            seconds
        ),
    }.items():
        monkeypatch.setattr(libvirt.virDomain, name, method)
    real = libvirt.libvirtmod.virDomainListGetStats
    monkeypatch.setattr(
        libvirt.libvirtmod,
        "virDomainListGetStats",
        lambda connection, capsules, stats, flags: [
            (capsule, measured)
            for capsule, _ in real(connection, capsules, 0, 0)
        ],
    )
    found = dirtyrate.measure(
        domain,
        gauges.LibvirtGauge(domain, connection),
        7,
        GIB,
        sleep=lambda seconds: None,
    )
    assert started == [2, 1, 1, 1]
    assert [(p.period_s, p.dirty_bytes / 2**20) for p in found] == [
        (1, 24),
        (2, 48),
    ]


def test_of_a_domain_that_is_not_wrapped_nothing_changes() -> None:
    for plain in (object(), "s1", SimpleNamespace(name="x")):
        assert commands.unwrapped(plain) is plain
