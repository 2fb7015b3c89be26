"""The CPU of a running server, from its domain's XML."""

import pytest

from nova_livemig_gpu.facts import guest_cpu
from nova_livemig_gpu.model import GuestCpu

HOST_MODEL = """
<cpu mode='custom' match='exact' check='full'>
  <model fallback='forbid'>EPYC-IBPB</model>
  <vendor>AMD</vendor>
  <topology sockets='2' dies='1' cores='1' threads='1'/>
  <feature policy='require' name='x2apic'/>
  <feature policy='disable' name='monitor'/>
  <numa><cell id='0' cpus='0-1' memory='524288' unit='KiB'/></numa>
</cpu>
"""


def domain(cpu: str, clock: str = "", kind: str = "kvm") -> str:
    return f"""
<domain type='{kind}' id='7'>
  <name>instance-00000001</name>
  <uuid>5f5f1f0e-3ec2-4a3e-8a0a-6f0f3a1c9d11</uuid>
  <os><type arch='x86_64' machine='pc-q35-9.2'>hvm</type></os>
  <clock offset='utc'>{clock}</clock>
  {cpu}
</domain>
"""


def parse(*args: str) -> tuple[GuestCpu, str | None]:
    found = guest_cpu.parse(domain(*args))
    assert found is not None
    return found


def test_a_host_model_server() -> None:
    guest, named = parse(HOST_MODEL)
    assert guest == GuestCpu(
        "5f5f1f0e-3ec2-4a3e-8a0a-6f0f3a1c9d11",
        "x86_64",
        "kvm",
        "pc-q35-9.2",
        "AMD",
    )
    assert named is not None
    assert "EPYC-IBPB" in named and 'policy="disable"' in named
    assert "topology" not in named and "numa" not in named


def test_equal_cpus_make_equal_questions() -> None:
    other = HOST_MODEL.replace("sockets='2'", "sockets='8'")
    assert parse(HOST_MODEL)[1] == parse(other.replace("\n", " "))[1]


@pytest.mark.parametrize(
    "cpu",
    [
        "",
        "<cpu/>",
        "<cpu mode='custom'><topology sockets='1' cores='1'/></cpu>",
        HOST_MODEL.replace("'full'", "'none'"),
    ],
)
def test_where_nothing_is_compared(cpu: str) -> None:
    guest, named = parse(cpu)
    assert named is None
    assert guest.features == frozenset() and not guest.passthrough
    assert guest.vendor is None and guest.machine_type == "pc-q35-9.2"


@pytest.mark.parametrize("mode", ["host-passthrough", "maximum"])
def test_passthrough(mode: str) -> None:
    guest, named = parse(f"<cpu mode='{mode}' check='none'/>")
    assert guest.passthrough and named is None


def test_the_frequency_of_the_time_stamp_counter() -> None:
    timer = "<timer name='tsc' frequency='2900000000'/>"
    assert parse("", timer)[0].tsc_hz == 2_900_000_000
    assert parse("", "<timer name='tsc'/>")[0].tsc_hz is None
    odd = "<timer name='tsc' frequency='fast'/>"
    assert parse("", odd)[0].tsc_hz is None


def test_an_emulated_server() -> None:
    assert parse("", "", "qemu")[0].virt_type == "qemu"


@pytest.mark.parametrize(
    "xml", ["", "<", "<domain/>", "<domain><uuid> </uuid></domain>", "\x00"]
)
def test_malformed(xml: str) -> None:
    assert guest_cpu.parse(xml) is None


def test_a_domain_that_tells_little() -> None:
    found = guest_cpu.parse("<domain><uuid>a</uuid></domain>")
    assert found == (GuestCpu("a", features=frozenset()), None)
