"""The CPUs of the servers of a host, read from libvirt."""

from types import SimpleNamespace
from typing import Any

import libvirt

from nova_livemig_gpu.virt.guestcpus import GuestCpus
from tests.unit.facts.test_guest_cpu import HOST_MODEL, domain

UUID = "5f5f1f0e-3ec2-4a3e-8a0a-6f0f3a1c9d11"
EXPANDED = """
<cpu mode='custom' match='exact'>
  <model fallback='forbid'>EPYC-IBPB</model>
  <feature policy='require' name='x2apic'/>
  <feature policy='require' name='sse4a'/>
</cpu>
"""


class Domain:
    """Stands for Nova's Guest; counts."""

    def __init__(self, cpu: Any = HOST_MODEL, uuid: str = UUID, id_: int = 1):
        self.uuid, self.id, self.cpu = uuid, id_, cpu
        self.looks = 0

    def get_xml_desc(self) -> str:
        self.looks += 1
        if isinstance(self.cpu, Exception):
            raise self.cpu
        return domain(self.cpu).replace(UUID, self.uuid)


class World:
    """Nova's driver and libvirt's connection."""

    def __init__(self, *domains: Domain) -> None:
        self.domains: Any = list(domains)
        self.answer: Any = EXPANDED
        self.asked: list[Any] = []
        driver = SimpleNamespace(_host=self)
        self.cpus = GuestCpus(driver)

    def list_guests(self, only_running: bool) -> Any:
        assert only_running
        if isinstance(self.domains, Exception):
            raise self.domains
        return self.domains

    def get_connection(self) -> Any:
        return self

    def baselineHypervisorCPU(self, *args: Any) -> str:
        self.asked.append(args)
        if isinstance(self.answer, Exception):
            raise self.answer
        text: str = self.answer
        return text


def test_the_features_are_spelled_out() -> None:
    world = World(Domain())
    (guest,) = world.cpus.read() or ()
    assert guest.features == {"x2apic", "sse4a"} and guest.vendor == "AMD"
    ((_, arch, _, virt_type, (named,), flags),) = world.asked
    assert (arch, virt_type) == ("x86_64", "kvm")
    assert "EPYC-IBPB" in named
    assert flags == libvirt.VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES


def test_each_domain_is_looked_at_once() -> None:
    first, second = Domain(), Domain(uuid="another", id_=2)
    world = World(first, second)
    one = world.cpus.read()
    assert world.cpus.read() == one and len(one or ()) == 2
    assert (first.looks, second.looks, len(world.asked)) == (1, 1, 1)


def test_a_server_that_was_started_again_is_looked_at_again() -> None:
    world = World(Domain())
    world.cpus.read()
    world.domains = [Domain("<cpu mode='host-passthrough'/>", id_=2)]
    (guest,) = world.cpus.read() or ()
    assert guest.passthrough and not world.cpus._known.get((UUID, 1))


def test_a_domain_that_has_just_stopped() -> None:
    world = World(Domain(libvirt.libvirtError("no domain")), Domain("", "b"))
    found = world.cpus.read() or ()
    assert [guest.server for guest in found] == ["b"]
    world.domains = [Domain("<broken", "c")]
    assert world.cpus.read() == ()


def test_libvirt_that_cannot_spell_out() -> None:
    world = World(Domain())
    world.answer = libvirt.libvirtError("not supported for arch aarch64")
    for _ in range(2):
        (guest,) = world.cpus.read() or ()
        assert guest.features is None
    assert len(world.asked) == 1


def test_libvirt_that_is_away(caplog: Any) -> None:
    world = World(Domain())
    world.domains = libvirt.libvirtError("connection reset")
    assert world.cpus.read() is None
    assert "servers are unknown" in caplog.text
    assert GuestCpus(None).read() is None
