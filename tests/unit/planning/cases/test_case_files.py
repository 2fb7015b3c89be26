"""What case files may say, and what is said of those that are wrong."""

import json
from pathlib import Path

import pytest

from nova_livemig_gpu.exception import InvalidCase
from nova_livemig_gpu.planning.cases import case_file
from nova_livemig_gpu.planning.cases.case import Bounds
from tests.builders import MIB

KEPT = Path(__file__).parents[4] / "bench" / "cases"


def scenario(**changes):
    server = {"memory_mib": 1024, **changes.pop("server", {})}
    return {"link_mbps": 1000, "servers": [server], **changes}


def writes(**changes):
    one = {"kind": "sweep", "mib_s": 5, "set_mib": 100, **changes}
    return {"server": {"writes": [one]}}


def trace(**changes):
    return {
        "memory_mib": 4000,
        "passes": [[0, 4000], [40, 900], [49, 20]],
        "bandwidth_mbps": [[0, 800]],
        **changes,
    }


@pytest.fixture
def load(tmp_path):
    def load_(body):
        path = tmp_path / "case.json"
        text = body if isinstance(body, str) else json.dumps(body)
        path.write_text(text)
        return case_file.load(path)

    return load_


def test_the_least_that_a_scenario_says(load):
    (case,) = load(scenario())
    assert case.link_mbps == ((0.0, 1000.0),)
    assert case.seeds == (0,) and not case.share_link
    (server,) = case.servers
    assert server.guest.total_bytes == server.guest.nonzero_bytes
    assert server.guest.total_bytes == 1024 * MIB
    assert server.bounds == Bounds()
    assert server.budget.policy == "adaptive"
    assert server.budget.timeout_s == 1600, "Nova's, of 2 GiB at least"
    assert not server.measured


def test_all_that_a_scenario_says(load):
    (case,) = load(
        scenario(
            source="own",
            overhead_ms=50,
            jitter=0.02,
            seeds=[4, 5],
            share_link=True,
            link_mbps=[[0, 1000], [60, 0]],
            server={
                "starts_s": 3,
                "nonzero_mib": 512,
                "writes": [
                    {
                        "kind": "random",
                        "mib_s": 10,
                        "set_mib": 100,
                        "from_s": 0,
                        "to_s": 20,
                    }
                ],
                "dirty_curve": "known",
                "settings": {"max_downtime_ms": 700, "postcopy": "allow"},
                "device": {"precopy_mib": 64, "stop_mib": 8},
                "disk": {"mib": 100, "seconds": 9},
            },
            bounds=[{"state": "completed", "total_s_most": 20}],
        )
    )
    (server,) = case.servers
    guest = server.guest
    assert case.seeds == (4, 5) and case.share_link
    assert case.link_mbps[1] == (60.0, 0.0)
    assert (guest.device_bytes, guest.device_stop_bytes) == (
        64 * MIB,
        8 * MIB,
    )
    assert (guest.disk_bytes, guest.disk_s) == (100 * MIB, 9.0)
    assert guest.nonzero_bytes == 512 * MIB
    assert guest.writer.distinct_bytes(19, 60) < 10.1 * MIB
    assert server.measured and server.budget.postcopy
    assert server.budget.max_downtime_ms == 700
    assert server.bounds.total_s_most == 20


@pytest.mark.parametrize(
    ("body", "field", "right"),
    [
        ("{", "the file", "not JSON"),
        ("[1]", "the file", "[1] is not a JSON object"),
        ('{"servers": [], "servers": []}', "the file", "stands twice"),
        ('{"servers": NaN}', "the file", "NaN is no number"),
        ("[" * 100_000, "the file", "not JSON"),
        ({}, "the file", "neither servers"),
        ({"servers": []}, "servers", "0 of them are not from 1 to 100"),
        ({"servers": {}}, "servers", "{} is not a list"),
        ({"servers": [7]}, "servers[0]", "7 is not a JSON object"),
        (scenario(link_mbps=None), "link_mbps", "a number from 0 to 1e+09"),
        (scenario(link_mbps=[]), "link_mbps", "at least one"),
        (scenario(link_mbps=[[1, 9]]), "link_mbps[0][0]", "1 is not 0"),
        (scenario(link_mbps=[[0, 0]]), "link_mbps", "nothing starts"),
        (
            scenario(link_mbps=[[0, 9], [5, 8], [5, 7]]),
            "link_mbps[2][0]",
            "5 is not above 5",
        ),
        (scenario(link_mbps=[[0, -9]]), "link_mbps[0][1]", "-9 is not"),
        (scenario(link_mbps=[[0]]), "link_mbps[0]", "not [seconds, number]"),
        (scenario(seeds=[1.5]), "seeds[0]", "not a whole number"),
        (scenario(seeds=[]), "seeds", "at least one"),
        (scenario(jitter=2), "jitter", "2 is not a number from 0 to 1"),
        (scenario(share_link="yes"), "share_link", "neither true nor false"),
        (scenario(sharelink=True), "sharelink", "it is not known"),
        (scenario(server={"memory_mib": "8"}), "servers[0].memory_mib", '"8"'),
        (scenario(server={"memory_mib": True}), "servers[0].memory_mib", ""),
        (scenario(server={"memory_mib": 1e400}), "the file", ""),
        (
            scenario(server={"nonzero_mib": 1025}),
            "servers[0].nonzero_mib",
            "1025 is not a number from 0 to 1024",
        ),
        (
            scenario(server={"dirty_curve": "maybe"}),
            "servers[0].dirty_curve",
            "not one of known, unknown",
        ),
        (
            scenario(**writes(kind="burst")),
            "servers[0].writes[0].kind",
            "not one of sweep, random, zipf",
        ),
        (
            scenario(**writes(set_mib=2000)),
            "servers[0].writes[0].set_mib",
            "to 1024",
        ),
        (
            scenario(**writes(from_s=9, to_s=9)),
            "servers[0].writes[0].to_s",
            "9 is not above from_s, 9",
        ),
        (
            scenario(**writes(rate=9)),
            "servers[0].writes[0].rate",
            "it is not known",
        ),
        (
            scenario(server={"settings": {"max_downtime_ms": 1}}),
            "servers[0].settings.max_downtime_ms",
            "1 is not a whole number from 10 to 2000000",
        ),
        (
            scenario(server={"settings": {"postcopy": True}}),
            "servers[0].settings.postcopy",
            "neither text nor a whole number",
        ),
        (
            scenario(server={"settings": {"downtime": 1}}),
            "servers[0].settings.downtime",
            "known: policy, max_downtime_ms",
        ),
        (
            scenario(server={"settings": {"policy": "none"}}),
            "servers[0].settings.policy",
            "not installed",
        ),
        (
            scenario(server={"settings": {"policy": "nova"}}),
            "servers[0].settings.policy",
            "leaves the migration to Nova's monitor",
        ),
        (
            scenario(server={"device": {"stop": 1}}),
            "servers[0].device.stop",
            "known: precopy_mib, stop_mib",
        ),
        (
            scenario(server={"disk": {"mib": 5}}),
            "servers[0].disk.seconds",
            "a number",
        ),
        (scenario(bounds=[{}, {}]), "bounds", "one for each of 1 servers"),
        (
            scenario(bounds=[{"state": "done"}]),
            "bounds[0].state",
            "not one of completed",
        ),
        (
            scenario(bounds=[{"total_s": 1}]),
            "bounds[0].total_s",
            "total_s_most",
        ),
        (trace(memory_mib=100), "passes[0][1]", "4000 is not"),
        (trace(passes=[]), "passes", "at least one"),
        (trace(bandwidth_mbps=[[0, 0]]), "bandwidth_mbps[0][1]", "0 is not"),
        (trace(bounds={"postcopy": {}}), "bounds.postcopy", "not known"),
        (
            trace(settings={"goal": "slow"}),
            "settings.goal",
            "one of fast, gentle",
        ),
    ],
)
def test_what_is_wrong_is_named(load, tmp_path, body, field, right):
    with pytest.raises(InvalidCase) as raised:
        load(body)
    said = str(raised.value)
    assert said.startswith(f"{tmp_path}/case.json: {field} is wrong: "), said
    assert right in said


def test_writes_that_reach_beyond_memory_together(load):
    half = {"kind": "sweep", "mib_s": 1, "set_mib": 600}
    both = {"server": {"writes": [half, {**half, "from_s": 10}]}}
    with pytest.raises(InvalidCase, match="at 10 s they reach 1200 MiB"):
        load(scenario(**both))
    after = {
        "server": {"writes": [{**half, "to_s": 10}, half | {"from_s": 10}]}
    }
    load(scenario(**after))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InvalidCase, match="No such file"):
        case_file.load(tmp_path / "none.json")
    with pytest.raises(InvalidCase, match="Is a directory"):
        case_file.load(tmp_path)
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidCase, match="not UTF-8"):
        case_file.load(tmp_path / "binary.json")


def test_what_is_right_of_a_trace_is_read_off_it(load):
    forbidden, allowed = load(trace())
    assert forbidden.variant == "postcopy_forbidden"
    assert not forbidden.servers[0].budget.postcopy
    assert allowed.servers[0].budget.postcopy
    ends = forbidden.servers[0].bounds
    assert (ends.state, ends.total_s_most) == ("completed", 51.0)
    most_s = allowed.servers[0].bounds.total_s_most
    assert most_s == pytest.approx(1.1 * (40 + 900 * MIB * 1.002 / 1e8), 0.01)


def test_a_trace_that_never_fits_runs_on_to_its_timeout(load):
    endless = trace(passes=[[0, 4000], [40, 900], [49, 900]])
    forbidden, _ = load(endless)
    bounds = forbidden.servers[0].bounds
    assert bounds.state == "cancelled" and bounds.total_s_least == 3125


def test_bounds_and_settings_of_a_trace(load):
    (only,) = load(
        trace(
            settings={"postcopy": "allow", "max_downtime_ms": 900},
            bounds={"postcopy_allowed": {"total_s_most": 80}},
        )
    )
    assert only.variant == "postcopy_allowed"
    assert only.servers[0].bounds == Bounds(total_s_most=80)
    assert only.servers[0].budget.max_downtime_ms == 900


@pytest.mark.parametrize(
    "path", sorted(KEPT.rglob("*.json")), ids=lambda path: path.stem
)
def test_the_kept_files_are_read(path):
    assert all(each.servers for each in case_file.load(path))
