# SPDX-License-Identifier: Apache-2.0
"""What the bench makes of its runs. No lab is needed."""

import json
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest
from livelab import bench
from livelab.benching import (
    calibrate,
    contestants,
    figures,
    goals,
    loads,
    report,
    table,
)
from livelab.benching.cells import cells, settled
from livelab.benching.estimate import Estimate, simulated
from livelab.benching.ticks import Ticks
from livelab.errors import LabError
from livelab.vfio.measure.runs import Run
from rich.console import Console

from nova_livemig_gpu.policies import loader


def row(load="sweep 1/2", contestant="adaptive", **changes):
    """A run as the runner keeps it."""
    did = {
        "completed": True,
        "total_ms": 8000,
        "elapsed_s": 9.0,
        "downtime_ms": 200,
        "sent_bytes": 350_000_000,
        "passes": 2,
        "each": [],
        **changes.pop("did", {}),
    }
    ours = contestant in figures.OURS
    place = f"{load}/400/{contestant}"
    return {
        "key": f"{place}/{changes.get('repeat', 0)}",
        "place": place,
        "load": load,
        "link_mbps": 400,
        "contestant": contestant,
        "budget_ms": 300 if ours else None,
        "repeat": 0,
        "outcome": "completed",
        "postcopy": False,
        "paused": False,
        "throttle_percent": 0,
        "codes": ["first_limit"],
        "gap_ms": 230.0,
        "stopped_ms": 230.0,
        "calm_gap_ms": 20.0,
        "work_mib_s": 20.0,
        "calm_work_mib_s": 23.0,
        "memory_ok": True,
        "whole_s": 18.0,
        "did": did,
        **changes,
    }


def test_every_contestant_has_its_policy():
    for each in contestants.ALL:
        policy = each.make(300, 60)
        assert type(policy) is loader.find(each.policy)
        assert policy.plan().postcopy <= each.postcopy
    with pytest.raises(LabError, match="no-such"):
        contestants.find(["no-such"])


def test_every_load_fits_into_its_guest():
    for each in loads.ALL:
        words = each.words(400)
        assert int(words["ws"]) + int(words["fill"]) == loads.FILLED_MIB
        reach = each.writer(400).reach_bytes(1000)
        assert reach == pytest.approx(each.set_mib * 2**20)
    assert loads.find(["sweep 1/2"])[0].rate_mib_s(400) == 23
    assert loads.find(["saturated 3"])[0].rate_mib_s(10000) == 110


def test_cells_take_turns():
    found = cells(loads.ALL, (200, 400), contestants.ALL, (300, 1000), 3)
    assert len({cell.key for cell in found}) == len(found)
    assert len(found) == 9 * 2 * (13 + 3 * 2) * 3
    assert found == cells(
        loads.ALL, (200, 400), contestants.ALL, (300, 1000), 3
    )
    # One guest after the other, and not always the same policy first.
    changes = sum(
        (a.load, a.link_mbps) != (b.load, b.link_mbps)
        for a, b in pairwise(found)
    )
    assert changes <= 9 * 2 * 3
    assert len({found[n].contestant.name for n in range(0, 918, 17)}) > 5


def test_what_is_hopeless_or_long_is_not_repeated():
    first, second = cells(
        loads.ALL[:1], (400,), contestants.ALL[3:4], (300,), 2
    )
    place = first.place
    done = row(place=place)
    assert not settled(second, [done], 60)
    assert settled(second, [{**done, "outcome": "cut"}], 60)
    long = {**done, "did": {**done["did"], "elapsed_s": 61.0}}
    assert settled(second, [long], 60)
    assert not settled(second, [{**long, "place": "another"}], 60)


def test_marks_show_when_the_guest_stood_still(tmp_path: Path):
    console = tmp_path / "console.log"
    console.write_text("READY\nT 0.5\n")
    ticks = Ticks(console)
    ticks.start()
    begun = threading.Event()
    moments: dict[str, float] = {}

    def guest() -> None:
        with console.open("a", buffering=1) as file:
            for number in range(60):
                if number == 30:
                    moments["begin"] = time.monotonic()
                    time.sleep(0.4)
                    moments["end"] = time.monotonic()
                file.write(f"T {number}\n")
                if number % 10 == 0:
                    file.write(f"HB t={number}.0 done={number} rate=1.0\n")
                time.sleep(0.01)
        begun.set()

    thread = threading.Thread(target=guest)
    thread.start()
    assert begun.wait(10)
    thread.join()
    time.sleep(0.05)
    ticks.stop()
    seen = ticks.between(moments["begin"], moments["end"] + 0.1)
    assert seen.gap_ms is not None and 380 < seen.gap_ms < 700
    assert seen.calm_gap_ms is not None and seen.calm_gap_ms < 200
    assert seen.stopped_ms == pytest.approx(seen.gap_ms, abs=250)
    assert seen.calm_work_mib_s is not None and seen.calm_work_mib_s > 20


def test_a_guest_without_marks_is_unknown(tmp_path: Path):
    console = tmp_path / "console.log"
    console.write_text("")
    seen = Ticks(console).between(0.0, 1.0)
    assert (seen.gap_ms, seen.work_mib_s) == (None, None)


def test_downtime_is_the_longer_of_two():
    assert figures.downtime_ms(row()) == 210
    assert figures.downtime_ms(row(gap_ms=None)) == 200
    assert figures.downtime_ms(row(did={"downtime_ms": 290})) == 290
    assert figures.downtime_ms(row(outcome="cut")) is None
    assert figures.kept(row(), 210) and not figures.kept(row(), 209)


def rows():
    """Two loads; the best baseline in budget differs."""
    slow = {"did": {"total_ms": 20_000}}
    stopped = {"did": {"total_ms": 6000, "downtime_ms": 5000}}
    cut = {"outcome": "cut", "did": {"total_ms": None, "elapsed_s": 165.0}}
    return [
        row(),
        row(contestant="nova-vgpu-guide", **stopped),
        row(contestant="proxmox", **slow),
        row(contestant="nova-default", **cut),
        row("idle", did={"total_ms": 6100}),
        row("idle", "nova-default", did={"total_ms": 6000}),
        row("idle", "proxmox", did={"total_ms": 6050}),
    ]


def test_duels_are_with_those_that_kept_the_budget():
    found = {duel.load: duel for duel in figures.duels(rows(), 300)}
    assert found["sweep 1/2"].best.name == "proxmox"
    assert found["sweep 1/2"].ratio == pytest.approx(0.4)
    assert found["idle"].best.name == "nova-default"
    assert found["idle"].ratio == pytest.approx(6.1 / 6.0)
    said = "\n".join(goals.goals(rows(), 300))
    assert "median total 0.40" in said and "median total 1.02" in said


def test_where_no_baseline_kept_the_budget_there_is_no_ratio():
    alone = [row(), row(contestant="proxmox", gap_ms=900.0)]
    (duel,) = figures.duels(alone, 300)
    assert duel.best is None and duel.ratio is None


def test_the_front():
    points = [(1.0, 9.0), (2.0, 3.0), (3.0, 4.0), (4.0, 1.0)]
    assert figures.front(points) == [(1.0, 9.0), (2.0, 3.0), (4.0, 1.0)]


def test_done_cells_teach_the_estimate():
    (cell,) = cells(
        loads.find(["idle"]), (400,), contestants.ALL[3:4], (300,), 1
    )
    guess = Estimate([], 165).seconds(cell)
    assert 10 < guess < 30
    known = row("idle", "nova-default", whole_s=77.0)
    assert Estimate([known], 165).seconds(cell) == 77


def test_the_report_is_whole(tmp_path: Path):
    seen = rows()
    done = [each for each in seen if each["outcome"] == "completed"]
    for each in done:
        cell = calibrate._cell(each)
        again = simulated(cell, 165)
        each["did"]["total_ms"] = again.seen.total_s * 1e3 + 300
        each["did"]["sent_bytes"] = again.seen.sent_bytes
    console = Console(width=170, record=True, file=(tmp_path / "x").open("w"))
    report.write(seen, tmp_path, 165, console)
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 8
    page = (tmp_path / "bench.html").read_text()
    assert page.count("<svg") == 2 and "Pareto" in page
    assert "| proxmox |" in (tmp_path / "medians.md").read_text()
    assert "simulator: median error" in console.export_text()
    assert json.dumps(seen), "rows are JSON"


def test_guests_with_a_vgpu_are_shown_as_well(tmp_path: Path):
    devices = [
        Run(
            rate_mbit=160,
            cell="16 MiB, idle, PRE_COPY",
            policy=policy,
            round=0,
            empty=empty,
            ended="completed",
            downtime_ms=down_ms,
            total_ms=9000,
            passes=3,
            precopy_bytes=16 * 2**20,
            stop_bytes=360,
            verified=True,
            limits=(),
            error=None,
        )
        for policy, empty, down_ms in (
            ("vGPU guide", False, 1111),
            ("adaptive", False, 222),
            ("adaptive", True, 201),
        )
    ]
    console = Console(file=(tmp_path / "x").open("w"))
    report.write([row()], tmp_path, 165, console, devices)
    page = (tmp_path / "bench.html").read_text()
    assert page.count("<svg") == 3 and "1111 (1/1)" in page
    medians = (tmp_path / "medians.md").read_text()
    assert "| 16 MiB, idle, PRE_COPY | 1111 (1/1) |" in medians


def test_devices_that_are_none_are_refused(tmp_path: Path):
    file = tmp_path / "none.jsonl"
    with pytest.raises(LabError, match=r"--devices .*none\.jsonl"):
        bench.run(["--plan", "--devices", str(file)])


def test_runs_tell_what_was_predicted():
    def told(**foreseen):
        return table.runs([row(foreseen=foreseen)])[0][-4:-1]

    said = {"converges": True, "mode": "hybrid", "total_s": 6.5}
    said["downtime_ms"] = 60.0
    assert told(forecast=said) == ["hybrid", "6.500", "60.000"]
    assert told(forecast={**said, "converges": False})[0] == "no end"
    assert told(forecast=None, no_forecast="why") == ["why", "", ""]
    assert table.runs([row()])[0][-4:] == ["", "", "", ""]
    assert len(table.runs([row()])[0]) == len(table.RUNS)


def test_each_of_ours_is_judged_alone():
    other = "adaptive, no post-copy"
    seen = [*rows(), row(contestant=other, did={"total_ms": 30_000})]
    said = goals.goals(seen, 300)
    assert any(x.startswith("adaptive: completed 2 of 2") for x in said)
    assert any(x.startswith(f"{other}: completed 1 of 1") for x in said)
    assert any("against nova-vgpu-guide: downtime 0.04" in x for x in said)
    assert any("more than 1.15" in x and other in x for x in said)
