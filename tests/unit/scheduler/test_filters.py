"""Both filters: pass, fail, malformed; what they log, and faults of ours."""

from typing import Any

import pytest
from nova import exception
from nova.scheduler import filters as nova_filters

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.scheduler import once
from nova_livemig_gpu.scheduler import request as requests
from nova_livemig_gpu.scheduler.cpu_filter import CPUCompatibilityFilter
from nova_livemig_gpu.scheduler.needs import StunNeeds
from nova_livemig_gpu.scheduler.vgpu_filter import VGPUCompatibilityFilter
from tests import builders_facts as builders
from tests.unit.scheduler.fakes import a_spec, migration

BOTH = pytest.mark.parametrize(
    "kind", [CPUCompatibilityFilter, VGPUCompatibilityFilter]
)
STRICT = Rules(unknown_cpu="refuse", unknown_facts="refuse")
GOOD = builders.host_state("good", builders.a_host())
WRONG = {
    CPUCompatibilityFilter: builders.host_state(
        "old", builders.a_host(cpu=builders.a_cpu(vendor="AMD"))
    ),
    VGPUCompatibilityFilter: builders.host_state(
        "other-type",
        builders.a_host(gpus=(builders.a_gpu(types=(builders.a_type(2),)),)),
    ),
}
MUTE = builders.host_state("mute")
GARBAGE = builders.host_state("garbage", livemig_gpu="1.x.y")
EMPTY = builders.host_state("empty")
del EMPTY.stats


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "_told", set())


@BOTH
def test_nova_can_load_it(kind: Any) -> None:
    path = f"{kind.__module__}.{kind.__name__}"
    handler = nova_filters.HostFilterHandler()
    assert handler.get_matching_classes([path]) == [kind]
    kind()


@BOTH
def test_pass_and_fail(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    hosts = [GOOD, WRONG[kind]]
    assert kind().filter_all(iter(hosts), migration()) == [GOOD]
    (line,) = [r.getMessage() for r in caplog.records]
    assert builders.SERVER in line and "refuses 1 of 2 hosts" in line
    assert f"{WRONG[kind].host}: " in line


@BOTH
def test_one_host(kind: Any) -> None:
    assert kind().host_passes(GOOD, migration())
    assert not kind().host_passes(WRONG[kind], migration())


@BOTH
def test_malformed_is_unknown(kind: Any) -> None:
    hosts = [GOOD, MUTE, GARBAGE, EMPTY]
    assert kind().filter_all(hosts, migration(rules=STRICT)) == [GOOD]
    lax = Rules(unknown_cpu="allow", unknown_facts="allow")
    assert kind().filter_all(hosts, migration(rules=lax)) == hosts


@BOTH
def test_warn_takes_aloud(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    rules = Rules(unknown_cpu="warn", unknown_facts="warn")
    hosts = [GOOD, MUTE]
    assert kind().filter_all(hosts, migration(rules=rules)) == hosts
    (line,) = [r.getMessage() for r in caplog.records]
    assert "has doubts but takes 1 of 2 hosts" in line


@BOTH
def test_none_left_tells_the_api_why(kind: Any) -> None:
    with pytest.raises(exception.NoValidHost) as caught:
        kind().filter_all([WRONG[kind]], migration())
    assert "Hosts refused: " in str(caught.value)
    assert WRONG[kind].host not in str(caught.value).split()


@BOTH
def test_no_hosts_are_no_error(kind: Any) -> None:
    assert kind().filter_all([], migration()) == []


@BOTH
def test_boots_pass_untouched(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "_look_up", None)
    hosts = [GOOD, WRONG[kind], MUTE, GARBAGE, EMPTY]
    assert kind().filter_all(hosts, a_spec()) == hosts
    assert kind().filter_all(hosts, object()) == hosts


def _broken(*_args: Any) -> Any:
    raise ZeroDivisionError


@BOTH
@pytest.mark.parametrize("treatment", ["refuse", "allow"])
def test_a_fault_of_ours_is_as_good_as_unknown(
    kind: Any,
    treatment: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(requests.VIEWS, "look", _broken)
    rules = Rules(unknown_cpu=treatment, unknown_facts=treatment)
    for _ in range(2):
        spec = migration(rules=rules)
        spec.flavor.extra_specs = {"resources:VGPU": "1"}
        if treatment == "allow":
            assert kind().filter_all([GOOD], spec) == [GOOD]
        else:
            with pytest.raises(exception.NoValidHost):
                kind().filter_all([GOOD], spec)
    errors = [r for r in caplog.records if r.levelname == "ERROR"]
    assert len(errors) == 1


def test_a_server_without_vgpu_goes_anywhere() -> None:
    spec = migration(builders.needs(vgpus=()), STRICT)
    hosts = [GOOD, MUTE, GARBAGE]
    assert VGPUCompatibilityFilter().filter_all(hosts, spec) == hosts


@BOTH
def test_debug_names_every_host(
    kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    kind().filter_all([GOOD, WRONG[kind]], migration())
    debug = [r for r in caplog.records if r.levelname == "DEBUG"]
    assert len(debug) == 1


@BOTH
def test_what_is_unknown_leaves_no_host_out_by_default(kind: Any) -> None:
    """Nova would take them all."""
    hosts = [GOOD, MUTE, GARBAGE, EMPTY]
    assert kind().filter_all(hosts, migration()) == hosts
    nothing = builders.needs(cpu=None, vgpus=None)
    assert kind().filter_all(hosts, migration(nothing)) == hosts


def with_room(name: str, **of_type: Any) -> Any:
    gpu = builders.a_gpu(types=(builders.a_type(1, **of_type),))
    return builders.host_state(name, builders.a_host(gpus=(gpu,)))


FULL = with_room("full", creatable=0)


def test_an_idle_vgpu_is_room() -> None:
    """Nova counts vGPUs that exist, and gives away the idle ones first."""
    idle = with_room("idle", creatable=0, idle=1)
    hosts = [FULL, idle]
    assert VGPUCompatibilityFilter().filter_all(hosts, migration()) == [idle]
    two = migration(builders.gpu_needs(builders.a_gpu(), 2))
    both = with_room("both", creatable=1, idle=1)
    hosts = [FULL, idle, both]
    assert VGPUCompatibilityFilter().filter_all(hosts, two) == [both]


def test_a_full_host_is_the_last_resort(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What it told may be a minute old, and Placement has found room now."""
    wrong = WRONG[VGPUCompatibilityFilter]
    hosts = [FULL, wrong]
    assert VGPUCompatibilityFilter().filter_all(hosts, migration()) == [FULL]
    (doubts,) = [r for r in caplog.records if r.levelname == "WARNING"]
    assert "has doubts but takes 1 of 2 hosts: vgpu.full" in (
        doubts.getMessage()
    )
    hosts = [FULL, wrong, GOOD]
    assert VGPUCompatibilityFilter().filter_all(hosts, migration()) == [GOOD]


def test_a_full_host_that_would_stop_the_server_too_long_is_none() -> None:
    stun = StunNeeds(5000.0, 500, 25000, over_budget="refuse")
    spec = migration(builders.needs(stun=stun))
    with pytest.raises(exception.NoValidHost, match=r"vgpu\.stun"):
        VGPUCompatibilityFilter().filter_all([FULL], spec)


def test_changed_strings_are_seen() -> None:
    """The same HostState with other stats, as with the next audit."""
    host = builders.host_state("h", builders.a_host())
    assert VGPUCompatibilityFilter().host_passes(host, migration())
    host.stats = WRONG[VGPUCompatibilityFilter].stats
    assert not VGPUCompatibilityFilter().host_passes(host, migration())
