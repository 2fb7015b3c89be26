"""What a server needs of a CPU, and which hosts that leaves."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from nova_livemig_gpu.facts import cpu as cpu_facts
from nova_livemig_gpu.model import CpuFacts, HostFacts
from nova_livemig_gpu.scheduler import cpu_check, cpu_needs
from nova_livemig_gpu.scheduler.verdict import Verdict
from tests import builders_facts as builders
from tests.unit.scheduler.fakes import a_server

OLD = builders.a_host()
NEW = builders.a_host(
    cpu=builders.a_cpu(
        model="SapphireRapids", features=builders.FEATURES | {"amx-tile"}
    )
)


def running(host: HostFacts, **changes: Any) -> HostFacts:
    """The host with the server on it."""
    return replace(host, guests=(builders.a_guest(**changes),))


def verdict(
    source: HostFacts | None, there: HostFacts, **server: Any
) -> Verdict:
    need, why = cpu_needs.of(a_server(**server), source)
    return cpu_check.check(there, builders.needs(cpu=need, cpu_unknown=why))


def model(*features: tuple[str, str], **changes: Any) -> dict[str, Any]:
    """Stand for nova.objects.VirtCPUModel."""
    found = [SimpleNamespace(name=n, policy=p) for n, p in features]
    whole: dict[str, Any] = {"vendor": None, "model": None}
    whole.update(changes, features=found)
    return {"vcpu_model": SimpleNamespace(**whole)}


def test_a_server_of_the_older_host_returns_to_it() -> None:
    """It is on the newer one, and has nothing of that."""
    assert verdict(running(OLD), NEW).ok is True
    assert verdict(running(NEW), OLD).ok is True


def test_a_server_of_the_newer_host_cannot_go_to_the_older() -> None:
    assert NEW.cpu is not None
    found = verdict(running(NEW, features=NEW.cpu.features), OLD)
    assert (found.code, found.ok) == ("cpu.features", False)
    assert "amx-tile" in found.reason


def test_a_server_that_is_not_told_of_may_have_less() -> None:
    """It came a moment ago, or its host is of an older version."""
    others = replace(NEW, guests=(builders.a_guest("another"),))
    for source in (NEW, others, replace(NEW, guests=())):
        found = verdict(source, OLD)
        assert (found.code, found.ok) == ("cpu.server_unknown", None)
        assert "amx-tile" in found.reason and "not told yet" in found.reason
        assert verdict(source, NEW).ok is True


def test_what_nova_took_away_is_not_needed() -> None:
    given = model(("amx-tile", "disable"))
    assert verdict(NEW, OLD, **given).ok is True
    given = model(("amx-tile", "require"))
    assert verdict(NEW, OLD, **given).ok is None


@pytest.mark.parametrize(
    ("name", "blocker"),
    [("EPYC-IBPB", "monitor"), ("Skylake-Server", "hle")],
)
def test_a_model_that_is_not_usable_whole(name: str, blocker: str) -> None:
    """Between equal hosts, whether or not Nova knows what was left out."""
    host = builders.a_host(
        cpu=builders.a_cpu(models=frozenset({"qemu64"})), guests=()
    )
    features = builders.FEATURES - {"avx512f"}
    guests = (builders.a_guest(vendor=None, features=features),)
    for given in (
        model(model=name),
        model((blocker, "disable"), model=name),
    ):
        assert verdict(replace(host, guests=guests), host, **given).ok is True
        found = verdict(host, host, **given)
        assert (found.code, found.ok) == ("cpu.unknown", None)
        assert name in found.reason


def test_a_usable_model_is_had_by_all_that_have_it() -> None:
    given = model(model="Haswell")
    assert verdict(OLD, NEW, **given).ok is True
    assert verdict(None, NEW, **given).ok is True


def test_host_passthrough_is_compared_by_nobody() -> None:
    guest: dict[str, Any] = {"features": frozenset(), "passthrough": True}
    found = verdict(running(NEW, **guest), OLD)
    assert (found.code, found.ok) == ("cpu.server_unknown", None)
    assert "libvirt compares nothing" in found.reason
    assert verdict(running(NEW, **guest), NEW).ok is True
    bare = replace(NEW, cpu=builders.a_cpu(features=frozenset()))
    assert verdict(running(bare, **guest), OLD).ok is None


def test_qemus_default_cpu_needs_nothing() -> None:
    given = {"features": frozenset(), "vendor": None}
    assert verdict(running(NEW, **given), OLD).ok is True
    old_version = builders.a_host(cpu_mode="none", cpu=None)
    assert verdict(old_version, OLD).ok is True


def test_features_that_libvirt_does_not_tell() -> None:
    found = verdict(running(NEW, features=None), OLD)
    assert (found.code, found.ok) == ("cpu.server_unknown", None)


def test_an_emulated_architecture_is_not_compared() -> None:
    arm = {"arch": "aarch64", "virt_type": "qemu", "machine_type": "virt-8.2"}
    found = verdict(running(OLD, **arm), OLD)
    assert (found.code, found.ok) == ("cpu.server_unknown", None)
    assert "aarch64 is emulated" in found.reason
    image = {
        "image_hw_machine_type": "virt",
        "image_hw_emulation_architecture": "aarch64",
    }
    assert verdict(OLD, OLD, system_metadata=image).ok is None


def test_the_hosts_of_an_arm_cloud() -> None:
    """libvirt knows neither model nor features there."""
    host = HostFacts(
        "1.0",
        34,
        cpu=CpuFacts("ARM", arch="aarch64"),
        machine_types=("virt-10.0",),
        guests=(
            builders.a_guest(
                arch="aarch64",
                machine_type="virt-10.0",
                vendor=None,
                features=frozenset(),
                passthrough=True,
            ),
        ),
    )
    assert verdict(host, host).ok is None
    (guest,) = host.guests or ()
    named = replace(host, guests=(replace(guest, passthrough=False),))
    assert verdict(named, host).ok is True


def test_the_machine_type_is_the_running_ones() -> None:
    """Not the alias that the image has, which was another one then."""
    found = verdict(running(OLD, machine_type="pc-q35-8.2"), OLD)
    assert (found.code, found.ok) == ("cpu.machine_type", False)


def test_emulated_servers_do_not_depend_on_the_hosts_cpu() -> None:
    cpu = builders.a_cpu(virt_type="qemu", vendor="AMD")
    host = builders.a_host(cpu=cpu)
    guest = {"virt_type": "qemu", "vendor": "AMD"}
    assert verdict(running(host, **guest), host).ok is True
    assert verdict(running(host, **guest), OLD).ok is None


def test_a_time_stamp_counter_that_must_not_change() -> None:
    found = verdict(running(OLD, tsc_hz=2_000_000_000), OLD)
    assert (found.code, found.ok) == ("cpu.tsc", False)
    assert verdict(running(OLD, tsc_hz=2_900_000_000), OLD).ok is True


def test_features_that_only_a_newer_libvirt_lists() -> None:
    """kubevirt/kubevirt#12519."""
    listed = frozenset(
        {
            "vmx-rdrand-exit",
            "vmx-vmfunc",
            "vmx-rdseed-exit",
            "vmx-posted-intr",
        }
    )
    all_of_it = builders.FEATURES | listed
    source = builders.a_host(cpu=builders.a_cpu(features=all_of_it))
    assert verdict(running(source, features=all_of_it), OLD).ok is True
    assert verdict(source, OLD).ok is True


HARVESTER_3015 = json.loads("""{
 "missing_at_destination": ["erms", "vaes", "vpclmulqdq", "fsrm"],
 "required_labels": [
  "amd-ssbd", "arch-capabilities", "cmp_legacy", "erms", "fsrm",
  "hypervisor", "invtsc", "pschange-mc-no", "skip-l1dfl-vmentry",
  "tsc-deadline", "tsc_adjust", "vaes", "vpclmulqdq", "x2apic", "xsaves"]
}""")


def test_an_epyc_and_an_older_one() -> None:
    """harvester/harvester#3015: refused only if the server has it."""
    labels = frozenset(HARVESTER_3015["required_labels"])
    missing = frozenset(HARVESTER_3015["missing_at_destination"])
    amd: dict[str, Any] = {"vendor": "AMD"}
    newer = builders.a_host(cpu=builders.a_cpu(features=labels, **amd))
    older = builders.a_host(
        cpu=builders.a_cpu(features=labels - missing, **amd)
    )
    whole = verdict(running(newer, features=labels, **amd), older)
    assert (whole.code, whole.ok) == ("cpu.features", False)
    own = running(newer, features=labels - missing, **amd)
    assert verdict(own, older).ok is True


NEHALEM = """
<capabilities><host><cpu><arch>x86_64</arch><model>Nehalem-IBRS</model>
<vendor>Intel</vendor><feature name='ds'/><feature name='acpi'/>
<feature name='ht'/><feature name='monitor'/><feature name='dca'/>
<feature name='invtsc'/></cpu></host></capabilities>
"""


def test_what_a_host_has_and_gives_to_no_server() -> None:
    """retspen/webvirtcloud#465: the list of the host's own features is not
    what counts."""
    cpu = cpu_facts.parse(NEHALEM)
    assert cpu is not None and cpu.features == frozenset()
    host = builders.a_host(cpu=cpu)
    assert verdict(host, host).ok is None
    guest = {"features": frozenset({"aes", "sse4.2"})}
    assert verdict(running(host, **guest), host).ok is None


def test_a_feature_that_no_host_lists_is_not_missing() -> None:
    """As invtsc, or whatever QEMU gives to no host-model server."""
    features = builders.FEATURES | {"monitor", "invtsc"}
    assert verdict(running(OLD, features=features), OLD).ok is True
