"""Facts through the stats strings and back; nothing else comes through."""

import json
import zlib
from dataclasses import fields, replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.facts import (
    active,
    base,
    codec,
    envelope,
    guests,
    now,
)
from nova_livemig_gpu.model import (
    ActiveVgpu,
    CpuFacts,
    GpuDevice,
    GuestCpu,
    HostFacts,
    VgpuType,
)
from nova_livemig_gpu.scheduler.cpu_filter import CPUCompatibilityFilter
from nova_livemig_gpu.scheduler.verdict import Verdict
from nova_livemig_gpu.scheduler.vgpu_filter import VGPUCompatibilityFilter
from nova_livemig_gpu.scheduler.views import Views
from tests import builders_facts as builders

FULL = builders.a_host(
    active=(builders.a_vgpu(stun_ms=1024.0),), guests=(builders.a_guest(),)
)


def test_there_and_back() -> None:
    assert codec.decode(codec.encode(FULL)) == FULL


@pytest.mark.parametrize(
    "facts",
    [
        HostFacts("1.0"),
        HostFacts("1.0", gpus=()),
        HostFacts("1.0", gpus=(GpuDevice("mtty", "mtty"),), active=()),
        builders.a_host(gpus=None, active=None, cpu=None, link_mbps=None),
        builders.a_host(gpus=(builders.a_gpu(ecc=None, types=()),)),
    ],
)
def test_unknown_stays_unknown(facts: HostFacts) -> None:
    assert codec.decode(codec.encode(facts)) == facts


def test_equal_facts_make_equal_strings() -> None:
    gpus = (builders.a_gpu("0000:01:00.0"), builders.a_gpu("0000:02:00.0"))
    one = builders.a_host(gpus=gpus)
    other = builders.a_host(
        gpus=tuple(
            replace(gpu, types=gpu.types[::-1]) for gpu in reversed(gpus)
        ),
        machine_types=tuple(reversed(one.machine_types)),
    )
    assert codec.encode(one) == codec.encode(other)


def test_a_busy_framebuffer_changes_strings_in_steps_only() -> None:
    def text(used: int) -> str:
        vgpu = builders.a_vgpu(framebuffer_used_bytes=used)
        return codec.encode(builders.a_host(active=(vgpu,)))[active.KEY]

    assert text(2**30) == text(2**30 - 5)
    assert text(2**30) != text(2**30 + 1)


def test_a_stun_changes_strings_in_steps_only() -> None:
    def read(stun_ms: float | None) -> float | None:
        vgpu = builders.a_vgpu(stun_ms=stun_ms)
        found = codec.decode(codec.encode(builders.a_host(active=(vgpu,))))
        assert found is not None and found.active is not None
        return found.active[0].stun_ms

    assert read(None) is read(float("nan")) is read(float("inf")) is None
    assert read(1024) == read(1000) == 1024
    assert read(0) == read(1) == 1


@given(st.floats(1, 1e8))
def test_a_stun_is_rounded_up_by_seven_percent_at_most(stun_ms: float) -> None:
    def read(value: float) -> float:
        text = codec.encode(
            builders.a_host(active=(builders.a_vgpu(stun_ms=value),))
        )
        found = codec.decode(text)
        assert found is not None and found.active is not None
        told = found.active[0].stun_ms
        assert told is not None
        return told

    told = read(stun_ms)
    assert stun_ms * 0.999999 <= told <= stun_ms * 1.072
    assert read(told) == told


def test_counts_change_the_short_string_only() -> None:
    few = builders.a_gpu(types=(builders.a_type(creatable=1),))
    many = builders.a_gpu(types=(builders.a_type(creatable=2),))
    one = codec.encode(builders.a_host(gpus=(few,)))
    other = codec.encode(builders.a_host(gpus=(many,)))
    assert {key for key in one if one[key] != other[key]} == {now.KEY}


@pytest.mark.parametrize(
    ("count", "read"), [(0, 0), (60, 60), (61, 61), (500, 61), (None, None)]
)
def test_counts(count: int | None, read: int | None) -> None:
    gpu = builders.a_gpu(types=(builders.a_type(creatable=count),))
    found = codec.decode(codec.encode(builders.a_host(gpus=(gpu,))))
    assert found is not None and found.gpus is not None
    assert found.gpus[0].types[0].creatable == read


@pytest.mark.parametrize(
    ("changes", "digit"),
    [
        ({"creatable": 0, "idle": 1}, "1"),
        ({"creatable": 2, "idle": 3}, "5"),
        ({"creatable": 60, "idle": 60}, "Z"),
        ({"creatable": None, "idle": 2}, "+"),
        ({"creatable": 1, "idle": None}, "+"),
        ({"creatable": 1, "or_more": True, "idle": 0}, "+"),
        ({"creatable": 0, "idle": None}, "-"),
        ({"creatable": None, "idle": 0}, "-"),
        ({"creatable": None, "idle": None}, "-"),
    ],
)
def test_idle_vgpus_are_in_the_counts(
    changes: dict[str, Any], digit: str
) -> None:
    """In the form that earlier releases read: for them they are room, too."""
    gpu = builders.a_gpu(types=(builders.a_type(1, **changes),))
    stats = codec.encode(builders.a_host(gpus=(gpu,)))
    version, *_, counts, _ = stats[now.KEY].split(".")
    assert (version, counts) == ("2", digit)
    found = codec.decode(stats)
    assert found is not None and found.gpus is not None
    room = gpu.types[0].room
    if digit != "Z":
        told = found.gpus[0].types[0].room
        assert told.or_more == room.or_more
        assert told.vgpus == (1 if digit == "+" else room.vgpus)


def test_a_large_host_is_small() -> None:
    stats = codec.encode(builders.big_host())
    assert sum(len(key) + len(text) for key, text in stats.items()) <= 16384
    assert codec.decode(stats) is not None


def test_sixteen_different_gpus_are_small() -> None:
    whole = builders.big_host()
    assert whole.gpus is not None
    gpus = tuple(
        replace(
            gpu,
            board=f"board-{number}",
            types=tuple(
                replace(each, name=f"GPU{number} {each.name}")
                for each in gpu.types
            ),
        )
        for number, gpu in enumerate(whole.gpus)
    )
    stats = codec.encode(replace(whole, gpus=gpus))
    assert sum(map(len, stats.values())) <= 16384


def test_what_is_too_long_is_left_out_aloud(
    caplog: pytest.LogCaptureFixture,
) -> None:
    facts = builders.big_host(vgpus=2000)
    stats = codec.encode(facts)
    found = codec.decode(stats)
    assert sum(map(len, stats.values())) <= codec.MOST_BYTES
    assert found is not None and found.active is None and found.gpus
    assert found.guests is None
    assert "without the servers' CPUs and vGPUs" in caplog.text


def test_the_servers_cpus_are_the_first_to_be_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    many = builders.big_host(1, vgpus=900).guests
    facts = replace(builders.big_host(), guests=many)
    found = codec.decode(codec.encode(facts))
    assert found is not None and found.guests is None and found.active
    assert "without the servers' CPUs" in caplog.text


def test_servers_cpus() -> None:
    more = builders.FEATURES | {"amx-tile"}
    facts = builders.a_host(
        guests=tuple(
            sorted(
                (
                    builders.a_guest("a"),
                    builders.a_guest("b", features=more, tsc_hz=5),
                    builders.a_guest("c", features=frozenset({"aes"})),
                    builders.a_guest("d", features=None, vendor=None),
                    builders.a_guest(
                        "e", features=frozenset(), passthrough=True
                    ),
                    GuestCpu("f"),
                    builders.a_guest("g"),
                ),
                key=lambda guest: guest.server,
            )
        )
    )
    assert codec.decode(codec.encode(facts)) == facts
    bare = replace(facts, cpu=None)
    assert codec.decode(codec.encode(bare)) == bare


def test_a_hundred_equal_servers_take_little() -> None:
    of_many = tuple(
        builders.a_guest(str(UUID(int=each << 64 | each)))
        for each in range(100)
    )
    many = codec.encode(builders.a_host(guests=of_many))[guests.KEY]
    assert len(many) < 5000


def test_nova_can_store_them() -> None:
    """Flat strings, that JSON does not escape a second time."""
    for text in codec.encode(builders.big_host()).values():
        assert json.dumps(text) == f'"{text}"'


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        (HostFacts, 16),
        (GpuDevice, 16),
        (VgpuType, 6),  # idle is in the counts
        (ActiveVgpu, 6),
        (CpuFacts, 8),
        (GuestCpu, 8),
    ],
)
def test_no_new_field_is_forgotten(kind: Any, known: int) -> None:
    """Whoever adds a field: is it to be published? Then change the form of
    the strings and their version."""
    assert len(fields(kind)) == known


@pytest.mark.parametrize("key", codec.KEYS)
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: None,
        lambda text: 7,
        lambda text: text + "A",
        lambda text: "9" + text[1:],
        lambda text: text.swapcase(),
        lambda text: text * 50,
    ],
)
def test_a_changed_string_is_unknown(key: str, change: Any) -> None:
    stats: dict[str, Any] = dict(codec.encode(FULL))
    stats[key] = change(stats[key])
    assert codec.decode(stats) is None


def test_strings_of_two_hosts_do_not_mix() -> None:
    stats = codec.encode(FULL)
    other = codec.encode(builders.a_host(kernel="7.0"))
    for key in codec.KEYS:
        assert codec.decode({**stats, key: other[key]}) is None


def rows(**changes: Any) -> list[Any]:
    """Return the base of a host as JSON, with changes by index."""
    found: list[Any]
    _, found = envelope.unseal(codec.encode(FULL)[base.KEY], {base.VERSION})
    for index, value in changes.items():
        found[int(index[1:])] = value
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {"_0": None},
        {"_0": 1},
        {"_1": True},
        {"_1": -1},
        {"_1": 34.0},
        {"_2": []},
        {"_2": ["Intel", "x", ["aes"], 1, True, []]},
        {"_2": ["Intel", "x", "aes", 1, True, [], "x86_64", "kvm"]},
        {"_2": ["Intel", "x", ["aes", 1], 1, True, [], "x86_64", "kvm"]},
        {"_2": ["Intel", "x", ["aes"], 1, True, [], 64, "kvm"]},
        {"_4": "q35"},
        {"_8": {}},
        {"_8": [[]]},
        {"_9": [["0000:3b:00.0", 1]]},
        {"_9": [["0000:3b:00.0", True]]},
        {"_9": [["0000:3b:00.0"]]},
        {"_10": "500"},
        {"_11": "maybe"},
        {"_11": ["refuse"]},
    ],
)
def test_a_wrong_type_is_unknown_as_a_whole(changes: dict[str, Any]) -> None:
    """Even where the digests are right."""
    text = envelope.seal(rows(**changes), base.VERSION)
    stats = {
        base.KEY: text,
        now.KEY: now.encode(FULL, text),
        active.KEY: active.encode(FULL, text),
        guests.KEY: guests.encode(FULL, text),
    }
    assert codec.decode(stats) is None
    with pytest.raises(envelope.Malformed):
        base.decode(text)


def test_a_zip_bomb_is_refused() -> None:
    bomb = envelope.seal("a" * 5_000_000, "1")
    assert len(bomb) < 65_535
    with pytest.raises(envelope.Malformed):
        envelope.unseal(bomb, {"1"})


def test_deep_json_is_refused() -> None:
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    text = envelope.seal(deep, base.VERSION)
    assert codec.decode({**codec.encode(FULL), base.KEY: text}) is None


@pytest.mark.parametrize("board", ["692-2G520-0200-000", None])
def test_hosts_of_version_1_are_read(board: str | None) -> None:
    """Where NVML told no part number, the board was PCI IDs."""
    gpu = builders.a_gpu(board=board)
    found = codec.decode(builders.as_version_1(replace(FULL, gpus=(gpu,))))
    old_gpu = replace(gpu, pci_ids=None) if board else gpu
    old_vgpu = builders.a_vgpu()
    assert found == replace(
        FULL,
        cpu=OLD_CPU,
        gpus=(old_gpu,),
        active=(old_vgpu,),
        guests=None,
        max_downtime_ms=None,
        over_budget=None,
    )


OLD_CPU = builders.a_cpu(arch=None, virt_type=None)


def test_hosts_of_version_2_are_read() -> None:
    found = codec.decode(builders.as_version_2(FULL))
    assert found == replace(FULL, cpu=OLD_CPU, guests=None)


@pytest.mark.parametrize("key", [base.KEY, active.KEY])
@pytest.mark.parametrize("version", ["1", "2", "3"])
def test_a_version_has_its_own_form(key: str, version: str) -> None:
    """What one version wrote is nothing that another would write."""
    stats = {
        "1": builders.as_version_1,
        "2": builders.as_version_2,
        "3": codec.encode,
    }[version](FULL)
    assert codec.decode(stats) is not None
    other = {"1": "2", "2": "1", "3": "1"}[version]
    stats[key] = other + stats[key][1:]
    assert codec.decode(stats) is None


@pytest.mark.parametrize(
    "body",
    [
        [],
        [[], [["server", 0]]],
        [[["x86_64"]], []],
        [[["x86_64", "kvm", "q35", None, [["aes"]], False, None]], []],
        [[["x86_64", "kvm", "q35", None, None, None, None]], []],
        [[["x86_64", "kvm", "q35", None, None, 1, None]], []],
        [[["x86_64", "kvm", 35, None, None, False, None]], []],
        [[["x86_64", "kvm", "q35", None, None, False, -1]], []],
        [[["x86_64", "kvm", "q35", None, None, False, 1]], [["a", True]]],
        [[["x86_64", "kvm", "q35", None, None, False, 1]], [[1, 0]]],
        "none",
    ],
)
def test_cpus_of_a_wrong_type_are_unknown(body: Any) -> None:
    stats = codec.encode(FULL)
    digest = envelope.digest_of(stats[base.KEY])
    stats[guests.KEY] = envelope.seal([digest, body], guests.VERSION)
    assert codec.decode(stats) is None


GOOD = codec.encode(FULL)
_text = st.one_of(
    st.text(max_size=200),
    st.text(alphabet="1.-0abZ_", max_size=200),
    st.builds(lambda n, c: c * n, st.integers(0, 70_000), st.characters()),
)


@st.composite
def broken(draw: st.DrawFn) -> dict[str, Any]:
    """Return stats of which at least one string is not what was written."""
    stats: dict[str, Any] = dict(GOOD)
    for key in draw(st.sets(st.sampled_from(codec.KEYS[:2]), min_size=1)):
        stats[key] = draw(_broken(stats[key]))
    return stats


def _broken(text: str) -> st.SearchStrategy[Any]:
    def cut(ends: tuple[int, int]) -> str:
        return text[ends[0] : ends[1]]

    def patch(at: int, piece: str) -> str:
        return text[:at] + piece + text[at + 1 :]

    place = st.integers(0, len(text) - 1)
    return st.one_of(
        _text,
        st.tuples(place, place).map(cut),
        st.builds(patch, place, st.text(max_size=3)),
        st.builds(lambda v: v + text[1:], st.text(max_size=4)),
        st.sampled_from([None, 0, True, 1.5, [], {}, b"1.x.y"]),
    ).filter(lambda value: value != text)


WARM = Views()
NEEDS = builders.needs()
RULES = Rules()
CPU = CPUCompatibilityFilter().judge(NEEDS, RULES)
VGPU = VGPUCompatibilityFilter().judge(NEEDS, RULES)


def _verdicts(stats: Any, views: Views) -> tuple[Verdict, Verdict]:
    host = builders.host_state("x")
    host.stats = stats
    table = views.look([host])
    (cpu,), (vgpu,) = CPU(table), VGPU(table)
    return cpu, vgpu


@settings(max_examples=10_000, deadline=None)
@given(broken())
def test_no_string_makes_a_host_compatible(stats: dict[str, Any]) -> None:
    """Neither read anew nor by a scheduler that knows the good strings."""
    assert [each.ok for each in _verdicts(GOOD, WARM)] == [True, True]
    assert codec.decode(stats) is None
    assert [each.ok for each in _verdicts(stats, Views())] == [None, None]
    # Who knows the good strings knows a host by the short one alone.
    same = stats.get(now.KEY) == GOOD[now.KEY]
    told = [True, True] if same else [None, None]
    assert [each.ok for each in _verdicts(stats, WARM)] == told


@pytest.mark.parametrize(
    ("count", "read"), [(1, (1, True)), (7, (1, True)), (0, (None, False))]
)
def test_a_least_number(count: int, read: Any) -> None:
    """Of more than one no more is told than that: less is promised."""
    kind = builders.a_type(creatable=count, or_more=True)
    facts = builders.a_host(gpus=(builders.a_gpu(types=(kind,)),))
    found = codec.decode(codec.encode(facts))
    assert found is not None and found.gpus is not None
    told = found.gpus[0].types[0]
    assert (told.creatable, told.or_more) == read


def _as_version_1(text: str) -> str:
    body = "1" + text[1:].rpartition(".")[0]
    return f"{body}.{zlib.crc32(body.encode()):08x}"


def test_version_1_of_the_short_string_is_read() -> None:
    stats = dict(GOOD)
    stats[now.KEY] = _as_version_1(stats[now.KEY])
    assert codec.decode(stats) == codec.decode(GOOD) is not None
    assert [each.ok for each in _verdicts(stats, Views())] == [True, True]


def test_version_1_knows_no_least_number() -> None:
    kind = builders.a_type(creatable=1, or_more=True)
    facts = builders.a_host(gpus=(builders.a_gpu(types=(kind,)),))
    stats = codec.encode(facts)
    assert codec.decode(stats) is not None
    stats[now.KEY] = _as_version_1(stats[now.KEY])
    assert codec.decode(stats) is None
