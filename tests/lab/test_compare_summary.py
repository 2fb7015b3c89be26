# SPDX-License-Identifier: Apache-2.0
"""livelab.comparing: figures of runs, from recordings of real ones.

recordings/ holds what livelab.watch and the plugin wrote about migrations
in the lab, with most samples left out: stock Nova at its quickest, the
plugin with post-copy, and Nova's defaults, aborted: then the job's last
samples say that nothing was sent.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from livelab.comparing import console, figures, live, medians, page, table
from livelab.comparing.console import Console
from livelab.comparing.figures import Figures
from livelab.comparing.rows import Row, find
from livelab.errors import LabError

RECORDINGS = Path(__file__).parent / "recordings"


def row(name: str) -> Row:
    return find([name])[0]


def recorded(name: str, outcome: str = "completed", **more: Any) -> Figures:
    record = RECORDINGS / f"{name}.record.json"
    return figures.compute(
        row(name),
        number=more.get("number", 1),
        outcome=outcome,
        wall_s=12.5,
        lines=(RECORDINGS / f"{name}.jsonl").read_text().splitlines(),
        record=json.loads(record.read_text()) if record.exists() else None,
        memory_ok=more.get("memory_ok", True),
    )


def test_precopy() -> None:
    run = recorded("nova-quick")
    assert run.total_ms == 24489
    assert run.bytes == 1156123635
    assert run.passes == 37
    assert run.postcopy is False
    assert run.decisions == ()
    assert run.auto_converge_max is None
    assert run.right


def test_downtime_seen_is_the_one_of_libvirt_for_precopy() -> None:
    run = recorded("nova-quick")
    assert run.downtime_ms == 346
    assert run.pause_ms == 345
    assert run.worst_downtime_ms == 346
    assert run.budget_kept is False


def test_downtime_seen_holds_the_start_on_the_destination() -> None:
    """QEMU's figure for post-copy leaves it out."""
    run = recorded("adaptive")
    assert run.postcopy is True
    assert run.downtime_ms is not None and run.pause_ms is not None
    assert run.downtime_ms < 10 < run.pause_ms < 300
    assert run.worst_downtime_ms == run.pause_ms
    assert run.budget_kept is True


def test_decisions_are_on_the_axis_of_the_series() -> None:
    """The switch to post-copy lies between the passes that it parted."""
    run = recorded("adaptive")
    first, last = run.decisions
    assert (first.code, first.action) == ("first_limit", "set_downtime")
    assert last.action == "start_postcopy"
    assert 0 <= first.t_s < 1
    lines = (RECORDINGS / "adaptive.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    begin = next(x["t"] for x in found if x.get("operation") == 5)
    ends = [x["t"] - begin for x in found if x["kind"] == "iteration"]
    assert ends[1] < last.t_s < ends[2] + 0.1


def test_series_begins_with_the_first_pass() -> None:
    """Before it the job says that nothing remains."""
    run = recorded("adaptive")
    assert run.series[0][1] > 400 * 1024 * 1024
    assert run.series[-1][1] == 0
    times = [t for t, _ in run.series]
    assert times == sorted(times) and 0 < times[0] < 2


def test_cut_run_has_no_total_and_no_downtime() -> None:
    run = recorded("nova-default", figures.CUT)
    assert run.cut and run.right
    assert run.total_ms is run.downtime_ms is run.pause_ms is None
    assert run.wall_s is run.postcopy is run.budget_kept is None
    assert run.ran_s is not None and 12 < run.ran_s < 20
    assert run.bytes is not None and run.bytes > 5 * 10**8
    assert run.passes is not None and run.passes == 6


def test_empty_recording() -> None:
    run = figures.compute(row("adaptive"), 1, "error", 3.0, [], None, True)
    assert run.series == run.decisions == ()
    assert run.total_ms is run.bytes is run.ran_s is run.passes is None
    assert not run.right


def test_wrong_memory_fails_a_run() -> None:
    run = recorded("adaptive", memory_ok=False)
    assert not run.right
    assert "BAD" in table.run_cells(run).texts
    assert table.run_cells(run).bad


def test_figures_are_json() -> None:
    text = json.dumps(recorded("adaptive").as_dict())
    assert json.loads(text)["budget_kept"] is True


def test_medians_and_ratios() -> None:
    quick, adaptive = recorded("nova-quick"), recorded("adaptive")
    runs = [
        *(quick, replace(adaptive, total_ms=8000)),
        *(replace(quick, number=2, total_ms=40000), adaptive),
        replace(adaptive, number=3, total_ms=6000, downtime_ms=400),
    ]
    first, second = medians.compute(
        [*runs[:3], replace(adaptive, number=2, total_ms=9000), runs[4]]
    )
    assert (first.row, first.runs, first.ratio) == ("nova-quick", 2, 1.0)
    assert first.total_s == pytest.approx((24.489 + 40) / 2)
    assert second.total_s == 8.0
    assert second.ratio == pytest.approx(8.0 / first.total_s)
    assert second.worst_downtime_ms == 400
    assert second.budget_kept == 2 and second.memory_ok == 3


def test_median_of_cut_runs_is_a_lower_bound() -> None:
    cut = recorded("nova-default", figures.CUT)
    _, second = medians.compute([recorded("nova-quick"), cut])
    assert second.at_least and second.cut == 1
    assert second.total_s == cut.ran_s
    assert second.wall_s is second.downtime_ms is None
    cells = table.median_cells(second).texts
    assert cells[1] == "1, 1 cut" and cells[2].startswith("≥ 18")


def test_middle_run_has_the_median_total() -> None:
    run = recorded("adaptive")
    runs = [replace(run, total_ms=x) for x in (9, 1, 5)]
    assert medians.middle(runs).total_ms == 5


def test_page_needs_no_other_file_and_escapes() -> None:
    lines = [table.run_cells(replace(recorded("adaptive"), row="<b>"))]
    tables = [(table.RUN_HEADINGS, lines)]
    text = page.html("a < b", "<?xml?><svg></svg>", tables, ["1 > 0"])
    assert "a &lt; b" in text and "&lt;b&gt;" in text and "1 &gt; 0" in text
    assert "<?xml" not in text and "<svg>" in text
    assert "http" not in text and "src=" not in text


def test_live_line(tmp_path: Path) -> None:
    recording = tmp_path / "watch.jsonl"
    recording.write_text("")
    assert live.line(recording) == "the job has not begun"
    text = (RECORDINGS / "nova-quick.jsonl").read_text()
    recording.write_text(text + '{"t": 17952503')
    assert "24.5 s  pass 37  0 MiB" in live.line(recording)


SWEEPS = [
    "00 t=41.2",
    "SWEEP 9 ok pages=32768 t=42.1",
    "SWEEP 10 begin t=42.1",
    "HB t=43.0 done=1600 rate=40.0",
]


def test_only_a_whole_sweep_counts() -> None:
    """Sweep 9 began before these lines: in the migration, or before."""
    assert console.sweep_verdict(SWEEPS) is None
    right = [*SWEEPS, "SWEEP 10 ok pages=32768 t=46.1"]
    assert console.sweep_verdict(right) is True
    wrong = [*SWEEPS, "SWEEP 10 BAD count=1 pages=32768 t=46.1"]
    assert console.sweep_verdict(wrong) is False
    assert console.damaged(wrong) and not console.damaged(right)


@pytest.mark.parametrize(
    ("beats", "steady"),
    [((40.0, 39.9, 40.1), True), ((40, 35), False), ((30, 40, 40), False)],
)
def test_steady(
    tmp_path: Path, beats: tuple[float, ...], steady: bool
) -> None:
    file = tmp_path / "console.log"
    # As two QEMUs leave it: the one emptied it, the other wrote on
    text = "".join(f"HB t=1.5 done=7 rate={x:.1f}\r\n" for x in beats)
    file.write_bytes(bytes(100) + text.encode() + b"HB t=2")
    said: list[str] = []
    if steady:
        Console(file).wait_steady(40, said.append, timeout=0)
        return
    with pytest.raises(LabError, match=r"(?s)no steady load of 40.*rate="):
        Console(file).wait_steady(40, said.append, timeout=0)


@pytest.mark.parametrize("names", [[""], ["nova-quick", "x"], []])
def test_unknown_rows_are_refused(names: list[str]) -> None:
    with pytest.raises(LabError, match="must be some of nova-quick, "):
        find(names)


def test_rows_differ_only_where_they_should() -> None:
    allow, forbid = find(["adaptive", "adaptive-no-postcopy"])
    nova = row("nova-quick")
    assert allow.mode.driver == forbid.mode.driver == "plugin"
    assert allow.budget_ms == forbid.budget_ms == nova.budget_ms == 300
    key = "live_migration_permit_auto_converge"
    for one in (allow, forbid, nova):
        assert one.options["libvirt"][key] is False
    assert find(["nova-quick"], cut_s=5)[0].cut_s == 5
