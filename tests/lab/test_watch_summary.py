# SPDX-License-Identifier: Apache-2.0
"""livelab.summary and livelab.ending: what a recording means."""

import json

import pytest
from livelab.ending import Ending
from livelab.summary import Point, summarize

SOURCE, TARGET = "compute1", "compute2"
OUT, IN = 5, 4


def record(t: float, kind: str, host: str = SOURCE, **values: object) -> str:
    return json.dumps({"t": t, "host": host, "kind": kind, **values})


def sample(t: float, host: str = SOURCE, **values: object) -> str:
    operation = OUT if host == SOURCE else IN
    return record(t, "sample", host, type=2, operation=operation, **values)


def lifecycle(t: float, host: str, event: int, detail: int) -> str:
    return record(t, "lifecycle", host, event=event, detail=detail)


def precopy() -> list[str]:
    """As recorded: the destination's final figures differ or are missing."""
    return [
        sample(1.0, memory_remaining=900, memory_bps=100, memory_iteration=1),
        sample(1.0, TARGET),
        record(1.4, "iteration", iteration=2),
        sample(1.5, memory_remaining=100, memory_bps=110, memory_iteration=2),
        lifecycle(2.0, SOURCE, 3, 1),
        lifecycle(2.35, TARGET, 4, 1),
        record(
            *(2.4, "job_completed"),
            operation=OUT,
            time_elapsed=1400,
            downtime=351,
            data_processed=2000,
            memory_iteration=3,
        ),
        record(*(2.4, "job_completed", TARGET), operation=IN, time_elapsed=9),
    ]


def test_precopy() -> None:
    run = summarize(precopy())
    assert run.total_ms == 1400
    assert run.downtime_ms == 351
    assert run.pause_ms == 350
    assert run.bytes == 2000
    assert run.passes == 3
    assert run.postcopy is False
    assert run.series == (Point(1.0, 900, 100, 1), Point(1.5, 100, 110, 2))


def test_absent_is_none_and_never_zero() -> None:
    run = summarize(precopy())
    assert run.auto_converge_max is None
    nothing = summarize([])
    assert nothing.series == ()
    assert nothing.total_ms is nothing.downtime_ms is nothing.bytes is None
    assert nothing.passes is nothing.postcopy is nothing.pause_ms is None


def test_zero_is_kept() -> None:
    line = record(1, "job_completed", operation=OUT, downtime=0)
    assert summarize([line]).downtime_ms == 0


def test_postcopy_is_known_by_its_events() -> None:
    lines = [lifecycle(1.0, SOURCE, 3, 7), lifecycle(1.04, TARGET, 4, 3)]
    run = summarize(lines)
    assert run.postcopy is True
    assert run.pause_ms == 40


def test_a_pause_by_the_user_is_not_downtime() -> None:
    lines = [lifecycle(0.5, SOURCE, 3, 0), *precopy()]
    assert summarize(lines).pause_ms == 350


def test_highest_throttle_of_samples_and_final() -> None:
    lines = [
        sample(1, auto_converge_throttle=20),
        sample(2, auto_converge_throttle=90),
        sample(3, auto_converge_throttle=60),
    ]
    assert summarize(lines).auto_converge_max == 90


def test_passes_without_a_final_report() -> None:
    lines = [
        sample(1, memory_iteration=4),
        record(2, "iteration", iteration=6),
    ]
    run = summarize(lines)
    assert run.passes == 6
    assert run.total_ms is None


def test_the_destination_is_not_believed() -> None:
    lines = [record(1, "job_completed", TARGET, operation=IN, downtime=1)]
    assert summarize(lines).downtime_ms is None


@pytest.mark.parametrize("line", ["{", "not json"])
def test_malformed_lines_are_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        summarize([line])


def test_ending_after_completion() -> None:
    ending = Ending(0, limit_s=60)
    ending.job_seen(3)
    ending.job_seen(8)
    ending.completed(8)
    assert not ending.over(9.9)
    assert ending.over(10)


def test_ending_after_a_job_that_vanished() -> None:
    ending = Ending(0, limit_s=60)
    assert not ending.over(59)
    ending.job_seen(8)
    assert not ending.over(10.9)
    assert ending.over(11)


def test_ending_at_the_limit() -> None:
    ending = Ending(0, limit_s=60)
    ending.job_seen(59.9)
    assert ending.over(60)
