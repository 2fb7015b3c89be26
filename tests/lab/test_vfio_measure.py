# SPDX-License-Identifier: Apache-2.0
"""What lab/vfio measure makes of its runs; without any machine."""

import argparse
import csv
import os
import subprocess
from dataclasses import replace

import pytest
from livelab.errors import LabError
from livelab.vfio.measure import (
    cells,
    chance,
    command,
    files,
    foretold,
    realtime,
    report,
    runs,
)
from livelab.vfio.measure.cells import DEFAULT, GUIDE, OURS, Cell, Turn
from livelab.vfio.measure.runs import Run

from nova_livemig_gpu.migration import preflight

IDLE = Cell(16, 0, False)
MIB = 2**20


def run(policy=OURS, down_ms=2000, cell=IDLE, number=0, **more):
    made = Run(
        rate_mbit=cells.RATE_MBIT,
        cell=cell.name,
        policy=policy,
        round=number,
        empty=False,
        ended="completed",
        downtime_ms=down_ms,
        total_ms=9000,
        passes=3,
        precopy_bytes=0,
        stop_bytes=cell.fb_mib * MIB,
        verified=True,
        limits=(("floor_reached", 400),),
        error=None,
    )
    return replace(made, **more)


def given_up(policy=DEFAULT, cell=IDLE):
    return run(
        policy,
        None,
        cell,
        ended="given up",
        stop_bytes=None,
        verified=None,
        error="deadline: too late",
    )


EMPTY = run(down_ms=300, empty=True, stop_bytes=360)


def test_the_documented_example():
    empty = run(down_ms=200, empty=True, stop_bytes=360)
    (line,) = report.lines([run(down_ms=1200), empty])
    assert line.minimum_ms == pytest.approx(842, abs=1)
    assert line.allowed_ms == pytest.approx(1294, abs=1)
    assert line.kept


def test_what_did_not_arrive_has_no_pause_and_is_counted():
    (row,) = report.rows([run(), run(GUIDE, 8000), given_up(), EMPTY])
    assert row[1:4] == ["8000 (1/1)", "- (0/1)", "2000 (1/1)"]
    assert row[-2:] == ["0.25", "intact"]


def test_beyond_what_is_allowed_may_be_chance():
    """With PRE_COPY: 258 ms are within, 300 as empty ones take, 500 not."""
    empty = [run(down_ms=ms, empty=True) for ms in (240, 250, 255, 300, 400)]
    cell = Cell(16, 0, True)
    marks = []
    for pause in (258, 300, 500):
        ours = [run(down_ms=pause, cell=cell, stop_bytes=360)] * 5
        (row,) = report.rows([*ours, *empty])
        marks.append(row[-3][-1])
    assert marks == ["✓", "≈", "✗"]


def test_chance_of_a_median():
    assert chance.of_median([1, 2, 3], 4, 5) == 0
    assert chance.of_median([1, 2, 3], 1, 5) == 1
    assert chance.of_median([], 1, 5) == 0
    assert chance.of_median([1, 2], 2, 1) == 0.5
    assert chance.of_median([1, 2], 2, 5) == pytest.approx(0.5)


def test_wrong_contents_are_seen():
    (row,) = report.rows([run(verified=False), EMPTY])
    assert row[-1] == "WRONG"


def test_nothing_measured_nothing_shown():
    assert report.rows([]) == []


def test_a_round_has_every_way_once_and_goes_on_where_it_was_left():
    like = Cell(256, 0, True)
    whole = cells.turns(like, 0, [])
    assert len(whole) == 2 * len(cells.POLICIES)
    assert len({turn.key for turn in whole}) == len(whole)
    rest = cells.turns(like, 0, [turn.key for turn in whole[:4]])
    assert rest == whole[4:]
    assert cells.turns(like, 0, [turn.key for turn in whole]) == []


def test_what_never_ends_is_measured_in_the_first_round():
    like = Cell(64, 0, True)
    rounds = [cells.turns(like, number, []) for number in range(5)]
    fast = [sum(turn.cell == cells.FAST for turn in each) for each in rounds]
    assert fast == [5, 0, 0, 0, 0]
    rounds = [cells.turns(IDLE, number, []) for number in range(5)]
    endless = [sum(t.policy == DEFAULT for t in each) for each in rounds]
    assert endless == [2, 0, 0, 0, 0]


def test_each_way_has_each_place_in_three_rounds():
    like = Cell(16, 0, True)
    names = [
        [turn.policy for turn in cells.turns(like, number, [])[:3]]
        for number in range(3)
    ]
    for place in range(3):
        assert {each[place] for each in names} == set(cells.POLICIES)


def test_a_device_that_is_too_fast_is_refused_before_the_start():
    verdict = preflight.judge(*cells.settings(cells.REFUSE, cells.FAST))
    assert verdict.refuse and "3355 ms" in verdict.reason
    for name in (cells.WARN, cells.CUT, GUIDE, DEFAULT):
        assert not preflight.judge(*cells.settings(name, cells.FAST)).refuse


def test_a_guest_has_more_memory_than_framebuffer_where_a_pause_holds_it():
    for cell in cells.CELLS:
        memory, whole = (
            cell.load.memory_mib,
            cells.link_bps(cells.RATE_MBIT) / 2**20,
        )
        assert memory > 2 * cell.fb_mib or cell.precopy
        assert (memory + cell.fb_mib) / whole < cells.LIMIT_S / 2


def test_only_the_defaults_are_cut_early():
    cut = {
        name: cells.settings(name, IDLE)[0].timeout_s
        for name in cells.POLICIES
    }
    assert cut[DEFAULT] == IDLE.cut_s(cells.RATE_MBIT) < cut[GUIDE]
    assert cut[GUIDE] == cut[OURS]


def test_a_slower_link_allows_more():
    slow = [replace(run(), rate_mbit=80), replace(run(), empty=True)]
    fast = [run(), replace(run(), empty=True)]
    assert report.line(IDLE, slow).minimum_ms == pytest.approx(
        2 * report.line(IDLE, fast).minimum_ms
    )
    assert "80 Mbit/s" in files.title(slow)
    budget, around = cells.settings(OURS, IDLE, 80)
    assert (
        budget.max_downtime_ms > cells.settings(OURS, IDLE)[0].max_downtime_ms
    )
    assert around.switchover_mib_s == 9


def test_the_stun_is_learnt_from_the_runs_before():
    """After eight pauses of b * size, the ninth is told well."""
    sizes = (16, 64, 256) * 3
    seen = [
        run(down_ms=int(300 + size * MIB / 1e4), cell=Cell(size, 0, False))
        for size in sizes
    ]
    told = foretold.replay([EMPTY, *seen])
    assert [each.seen for each in told] == list(range(9))
    assert abs(told[-1].error) < 0.2
    assert abs(told[-1].error) < abs(told[0].error)


def test_other_runs_teach_no_stun():
    others = [EMPTY, run(GUIDE), given_up(OURS), run(cell=Cell(16, 0, True))]
    assert foretold.replay(others) == []


def test_files(tmp_path):
    seen = [run(), run(GUIDE, 8000), given_up(), EMPTY, EMPTY]
    seen.append(given_up(cells.CUT, cells.FAST))
    files.write(seen, tmp_path)
    rows = list(csv.DictReader((tmp_path / "results.csv").open()))
    assert len(rows) == len(seen)
    assert rows[0]["limits"] == "floor_reached:400"
    text = (tmp_path / "medians.md").read_text()
    assert "| 16 MiB, idle, no PRE_COPY | 8000 (1/1) |" in text
    assert "deadline: too late" in text
    assert "floor: 2 migrations of the empty device, 300 to 300 ms" in text
    assert (tmp_path / "pauses.png").stat().st_size > 1000


def test_runs_are_kept_and_a_line_cut_short_is_left_out(tmp_path):
    file = tmp_path / "runs.jsonl"
    runs.add(file, run())
    with file.open("a") as out:
        out.write('{"cell": "16')
    (found,) = runs.load(file)
    assert found == run()
    assert found.key == Turn(IDLE, OURS, 0).key


def test_runs_over_another_link_are_not_mixed_in(tmp_path):
    file = tmp_path / "runs.jsonl"
    runs.add(file, replace(run(), rate_mbit=80))
    parser = argparse.ArgumentParser()
    command.add(parser)
    with pytest.raises(LabError, match=r"runs at 80 Mbit/s, --rate.*160"):
        command.run(parser.parse_args([str(file)]))
    with pytest.raises(LabError, match="--rate-mbit 0: at least 1"):
        command.run(parser.parse_args([str(file), "--rate-mbit", "0"]))
    assert command.run(parser.parse_args([str(file), "--report"])) == 0
    runs.add(file, run())
    with pytest.raises(LabError, match=r"runs at 80, 160 Mbit/s: keep one"):
        command.run(parser.parse_args([str(file), "--report"]))


def test_a_process_goes_first():
    process = subprocess.Popen(["sleep", "60"])
    try:
        realtime.give(process.pid)
        assert os.sched_getscheduler(process.pid) == os.SCHED_RR
        assert os.sched_getparam(process.pid).sched_priority == 3
    except PermissionError:
        pytest.skip("only root may")
    finally:
        process.kill()
        process.wait()
