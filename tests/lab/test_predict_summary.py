# SPDX-License-Identifier: Apache-2.0
"""lab/predict without a lab: cells, experience, figures, report."""

import io
from pathlib import Path
from typing import Any

import pytest
from livelab.errors import LabError
from livelab.predicting import experience, figures, foretell, loads, report
from livelab.predicting.results import Results
from rich.console import Console

MB = 10**6
POINT = {
    "period_s": 1.0,
    "dirty_bytes": 12e6,
    "variance_bytes2": None,
    "age_s": 0.0,
    "source": "measured",
}


def said(converges: bool = True, total_s: float = 10.0, **more: Any) -> Any:
    return {
        "converges": converges,
        "total_s": total_s if converges else None,
        "downtime_ms": 300.0 if converges else None,
        "passes": 4,
        "sent_bytes": 400e6,
        "floor_bytes": 9e6,
        "why": "fits",
        "overhead_ms": 50.0,
        **more,
    }


def result(key: str = "steady/400/300/0", **changes: Any) -> dict[str, Any]:
    """10 s and 300 ms predicted, 10 s and 320 ms measured."""
    load, link, budget, repeat = key.split("/")
    made = {
        "key": key,
        "load": load,
        "link_mbps": int(link),
        "budget_ms": int(budget),
        "repeat": int(repeat),
        "guest": "steady@1",
        "before": {
            "total_bytes": 256 * MB,
            "rss_bytes": 300 * MB,
            "observed": [POINT],
        },
        "predicted": {model: said() for model in experience.MODELS},
        "did": {
            "completed": True,
            "total_ms": 10_000,
            "downtime_ms": 320,
            "pause_ms": 322.0,
            "sent_bytes": 450 * MB,
            "zero_bytes": 16 * MB,
            "elapsed_s": 11.0,
            "passes": 5,
            "each": [
                {
                    "start_s": 1.0,
                    "end_s": 5.0,
                    "sent_bytes": 200 * MB,
                    "merged": False,
                }
            ],
        },
    }
    return {**made, **changes}


def endless(key: str = "hot/400/300/0", predicted: bool = False) -> Any:
    found = result(key)
    found["did"] = {
        **found["did"],
        "completed": False,
        "total_ms": None,
        "downtime_ms": None,
        "pause_ms": None,
        "sent_bytes": None,
    }
    found["predicted"] = {
        model: said(converges=predicted) for model in experience.MODELS
    }
    return found


def test_cells_are_interleaved_and_always_the_same() -> None:
    found = loads.cells()
    assert found == loads.cells()
    assert len({cell.key for cell in found}) == len(found)
    assert len(found) == len(loads.LOADS) * 3 * 2 * 2
    half = len(found) // 2
    assert {cell.repeat for cell in found[:half]} == {0}
    for start in range(0, len(found), 6):
        assert len({cell.load for cell in found[start : start + 6]}) == 1


def test_experience_of_a_link() -> None:
    other = result("steady/800/300/0", guest="other@2")
    known = experience.learn([result(), other], 400, "steady@1")
    assert known.bandwidth_bps == 50 * MB
    assert known.setup_s == pytest.approx(1.0)
    # 320 ms, of which the model alone had said 250
    assert known.excess_ms["ours"] == 70
    assert known.normal_bytes == 240 * MB
    assert known.other_rss_bytes == 60 * MB


def test_nothing_was_there_before() -> None:
    known = experience.learn([], 400, "steady@1")
    assert known.bandwidth_bps is None
    way = foretell.transport(400, known)
    assert way.bandwidth_bps == pytest.approx(47.5 * MB)
    memory = foretell.memory(256 * MB, 300 * MB, known)
    assert memory.normal_bytes == 256 * MB


def test_what_had_no_end_teaches_nothing() -> None:
    assert experience.learn([endless()], 400, "x").bandwidth_bps is None


def test_models_differ_by_curve_and_rule() -> None:
    known = experience.learn([result()], 400, "steady@1")
    way = foretell.transport(400, known)
    found = foretell.predict(result()["before"], known, way, 200)
    assert list(found) == list(experience.MODELS)
    assert all(each["converges"] for each in found.values())
    assert found["ours"]["downtime_ms"] > 200


def test_figures() -> None:
    slow = result("steady/400/300/1")
    slow["did"] = {**slow["did"], "total_ms": 12_500, "downtime_ms": 1000}
    found = figures.of([result(), slow], "ours")
    assert (found.runs, found.compared, found.wrong) == (2, 2, 0)
    assert found.total == pytest.approx(0.1)
    assert found.total_p90 == pytest.approx(0.2)
    assert found.downtime_ms == pytest.approx((20 + 700) / 2)
    assert found.downtime_right == 0.5


def test_verdicts() -> None:
    right, wrong = endless(), endless("hot/400/300/1", predicted=True)
    found = figures.of([right, wrong], "ours")
    assert (found.runs, found.compared, found.wrong) == (2, 0, 1)
    assert found.total is None and found.downtime_right is None


def test_the_history_does_not_count() -> None:
    assert figures.counted([result("steady/400/500/-1")]) == []


def test_report(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=160)
    report.write([result(), endless(predicted=True)], tmp_path, console)
    text = console.file.getvalue()
    assert "constant rate" in text and "had no end" in text
    page = (tmp_path / "predicted.html").read_text()
    assert "steady/400/300/0" in page and "data:image/png" in page
    assert (tmp_path / "predicted.png").stat().st_size > 10_000


def test_report_of_nothing(tmp_path: Path) -> None:
    console = Console(file=io.StringIO())
    report.write([], tmp_path, console)
    assert "no result yet" in console.file.getvalue()


def test_a_cut_last_line_is_done_again(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    Results(path).add(result())
    with path.open("a") as file:
        file.write('{"key": "steady/400/3')
    found = Results(path)
    assert [each["key"] for each in found.all] == ["steady/400/300/0"]
    found.add(result("steady/400/300/1"))
    assert Results(path).done("steady/400/300/1")
    path.write_text("{\n" + path.read_text())
    with pytest.raises(LabError, match=r"results\.jsonl:1"):
        Results(path)
