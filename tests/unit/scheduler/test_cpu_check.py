"""Each finding of the CPU check."""

from typing import Any

import pytest

from nova_livemig_gpu.scheduler import cpu_check
from nova_livemig_gpu.scheduler.needs import CpuNeeds
from tests import builders_facts as builders

GHZ = 1_000_000_000


def found(
    host: dict[str, Any], cpu: dict[str, Any], **needs: Any
) -> tuple[str, bool | None]:
    facts = builders.a_host(cpu=builders.a_cpu(**cpu), **host)
    verdict = cpu_check.check(facts, builders.needs(cpu=CpuNeeds(**needs)))
    assert verdict.reason
    return verdict.code, verdict.ok


@pytest.mark.parametrize(
    ("host", "cpu", "needs", "code", "ok"),
    [
        ({}, {}, {}, "cpu.ok", True),
        ({}, {}, {"vendor": "Intel"}, "cpu.ok", True),
        ({}, {}, {"vendor": "AMD"}, "cpu.vendor", False),
        ({}, {"vendor": None}, {"vendor": "AMD"}, "cpu.unknown", None),
        ({}, {}, {"model": "Haswell"}, "cpu.ok", True),
        ({}, {}, {"model": "SapphireRapids"}, "cpu.unknown", None),
        (
            {},
            {"models": frozenset()},
            {"model": "Haswell"},
            "cpu.unknown",
            None,
        ),
        ({}, {}, {"features": builders.FEATURES}, "cpu.ok", True),
        ({}, {}, {"features": frozenset({"amx"})}, "cpu.features", False),
        (
            {},
            {"features": frozenset()},
            {"features": frozenset({"aes"})},
            "cpu.unknown",
            None,
        ),
        ({}, {}, {"tsc_hz": 2_900_100_000}, "cpu.ok", True),
        ({}, {}, {"tsc_hz": 3 * GHZ}, "cpu.tsc", False),
        ({}, {"tsc_scaling": True}, {"tsc_hz": 3 * GHZ}, "cpu.ok", True),
        ({}, {"tsc_scaling": None}, {"tsc_hz": 3 * GHZ}, "cpu.unknown", None),
        ({}, {"tsc_hz": None}, {"tsc_hz": 3 * GHZ}, "cpu.unknown", None),
        ({}, {}, {"machine_type": "pc-q35-9.2"}, "cpu.ok", True),
        ({}, {}, {"machine_type": "pc-q35-10.1"}, "cpu.machine_type", False),
        ({}, {}, {"arch": "x86_64", "virt_type": "kvm"}, "cpu.ok", True),
        ({}, {}, {"arch": "aarch64"}, "cpu.unknown", None),
        ({}, {}, {"virt_type": "qemu"}, "cpu.unknown", None),
        ({}, {"arch": None}, {"arch": "aarch64"}, "cpu.ok", True),
        (
            {},
            {"arch": "aarch64"},
            {"arch": "x86_64", "machine_type": "pc-q35-10.1"},
            "cpu.unknown",
            None,
        ),
        (
            {"machine_types": ()},
            {},
            {"machine_type": "q35"},
            "cpu.unknown",
            None,
        ),
    ],
)
def test_findings(
    host: dict[str, Any],
    cpu: dict[str, Any],
    needs: dict[str, Any],
    code: str,
    ok: bool | None,
) -> None:
    assert found(host, cpu, **needs) == (code, ok)


@pytest.mark.parametrize(
    "needs",
    [
        {"vendor": "AMD"},
        {"features": frozenset({"amx"})},
        {"tsc_hz": 3 * GHZ},
    ],
)
def test_what_is_only_assumed_refuses_nothing(needs: dict[str, Any]) -> None:
    assert found({}, {}, **needs)[1] is False
    needs["assumed"] = "perhaps"
    assert found({}, {}, **needs) == ("cpu.server_unknown", None)


def test_a_machine_type_that_is_not_there_is_certain() -> None:
    needs = {"machine_type": "pc-q35-10.1", "assumed": "perhaps"}
    assert found({}, {}, **needs) == ("cpu.machine_type", False)


def test_a_host_that_tells_nothing_is_unknown() -> None:
    for facts in (None, builders.a_host(cpu=None)):
        verdict = cpu_check.check(facts, builders.needs())
        assert (verdict.code, verdict.ok) == ("cpu.unknown", None)


def test_a_server_of_which_nothing_is_known() -> None:
    needs = builders.needs(cpu=None, cpu_unknown="why")
    verdict = cpu_check.check(builders.a_host(), needs)
    assert verdict.code == "cpu.server_unknown" and verdict.ok is None
    assert verdict.tell("h1") == "h1: why"


def test_the_sentence_names_what_is_missing() -> None:
    need = builders.needs(cpu=CpuNeeds(features=frozenset({"amx", "aes"})))
    verdict = cpu_check.check(builders.a_host(), need)
    assert "Cascadelake-Server lacks amx, which" in verdict.reason


def test_many_missing_features_are_counted() -> None:
    many = frozenset(f"f{number}" for number in range(20))
    need = builders.needs(cpu=CpuNeeds(features=many))
    reason = cpu_check.check(builders.a_host(), need).reason
    assert "and 12 more" in reason
