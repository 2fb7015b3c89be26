import json
import os
import time

from nova_livemig_gpu.migration.record import (
    MOST_DECISIONS,
    MOST_SAMPLES,
    Record,
    Records,
)
from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Decision,
    JobState,
    Outcome,
    Sample,
)

DECISION = Decision(
    Action(ActionKind.SET_DOWNTIME, 200), "first_limit", "why", {"n": 1.5}
)


def made(tmp_path, name="m1", most=10):
    return Records(str(tmp_path), most).create(name, {"migration": name})


def read(tmp_path, name="m1"):
    return json.loads((tmp_path / "records" / f"{name}.json").read_text())


def test_what_is_written_can_be_read(tmp_path):
    record = made(tmp_path)
    record.sample(Sample(1.0, JobState.RUNNING, iteration=1))
    record.decided(1.0, DECISION)
    record.ended(Outcome(JobState.FAILED, reason="because"))
    found = read(tmp_path)
    assert found["decisions"][0]["value"] == 200
    assert found["outcome"]["state"] == "failed"
    assert found["outcome"]["reason"] == "because"
    assert found["samples"]["iteration"] == [1]
    assert found["samples"]["vfio_bytes"] == [None]


def test_samples_are_thinned_and_keep_their_span(tmp_path):
    record = made(tmp_path)
    count = 5 * MOST_SAMPLES
    for number in range(count):
        record.sample(Sample(float(number), JobState.RUNNING, iteration=1))
    record.ended(Outcome(JobState.COMPLETED))
    times = read(tmp_path)["samples"]["t_s"]
    assert MOST_SAMPLES / 4 <= len(times) < MOST_SAMPLES
    assert times == sorted(times)
    assert times[0] < count * 0.01 and times[-1] > count * 0.99


def stamped(tmp_path, name, at_s):
    os.utime(tmp_path / "records" / f"{name}.json", (at_s, at_s))


def test_a_clock_that_was_ahead_does_not_keep_its_records_in_front(tmp_path):
    now_s = time.time()
    for number in range(3):
        made(tmp_path, f"ahead{number}").ended(Outcome(JobState.COMPLETED))
        stamped(tmp_path, f"ahead{number}", now_s + 1e8 + number)
    for number in range(2):
        made(tmp_path, f"m{number}").ended(Outcome(JobState.COMPLETED))
        stamped(tmp_path, f"m{number}", now_s - 10 + number)
    records = Records(str(tmp_path), 3)
    newest = [found["migration"] for found in records.latest(3)]
    assert newest == ["m1", "m0", "ahead2"]
    made(tmp_path, "m2", most=3).ended(Outcome(JobState.COMPLETED))
    left = {path.stem for path in (tmp_path / "records").glob("*.json")}
    assert left == {"m0", "m1", "m2"}


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    made(tmp_path, "m1").ended(Outcome(JobState.COMPLETED))
    large = tmp_path / "records" / "large.json"
    large.write_text(json.dumps({"format": 1, "x": "x" * 10**7}))
    found = Records(str(tmp_path), 10).latest(10)
    assert [each["migration"] for each in found] == ["m1"]


def test_what_libvirt_says_is_cut(tmp_path):
    record = made(tmp_path)
    record.decided(1.0, DECISION, "refused: " + "x" * 10**7)
    (decision,) = read(tmp_path)["decisions"]
    assert len(decision["refused"]) == 2000


def test_the_oldest_records_go(tmp_path):
    for number in range(5):
        made(tmp_path, f"m{number}", most=3).ended(Outcome(JobState.COMPLETED))
        os.utime(tmp_path / "records" / f"m{number}.json", (number, number))
    names = sorted(p.stem for p in (tmp_path / "records").glob("*.json"))
    assert names == ["m2", "m3", "m4"]


def test_latest_leaves_out_what_it_cannot_read(tmp_path):
    made(tmp_path, "good").ended(Outcome(JobState.COMPLETED))
    (tmp_path / "records" / "cut.json").write_text('{"format": 1, ')
    (tmp_path / "records" / "list.json").write_text("[]")
    (tmp_path / "records" / "new.json").write_text('{"format": 99}')
    found = list(Records(str(tmp_path), 10).latest(10))
    assert [each["migration"] for each in found] == ["good"]


def test_a_crash_leaves_an_unfinished_record_that_can_be_closed(tmp_path):
    made(tmp_path).decided(1.0, DECISION)
    made(tmp_path, "m2").ended(Outcome(JobState.COMPLETED))
    records = Records(str(tmp_path), 10)
    (found,) = records.unfinished()
    assert found["migration"] == "m1"
    records.finish(found, Outcome(JobState.FAILED, reason="died"))
    assert list(records.unfinished()) == []
    assert read(tmp_path)["decisions"]
    assert read(tmp_path)["outcome"]["reason"] == "died"


def test_no_directory_means_no_file_and_no_error(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    record = made(blocker)
    record.decided(1.0, DECISION)
    record.ended(Outcome(JobState.COMPLETED))
    assert record.as_dict()["outcome"]["state"] == "completed"
    assert list(Records(str(blocker), 10).latest(5)) == []


def test_a_file_that_cannot_be_written_is_given_up_once(tmp_path, caplog):
    record = made(tmp_path)
    os.rmdir(tmp_path / "records")
    for _ in range(3):
        record.decided(1.0, DECISION)
    assert caplog.text.count("state_dir") == 1
    assert Record(None, {}).as_dict()["format"] == 1


def test_rates_leave_room_for_how_it_ended(tmp_path):
    record = made(tmp_path)
    for mib_s in range(MOST_DECISIONS + 10):
        rate = Action(ActionKind.SET_BANDWIDTH, mib_s)
        record.decided(mib_s, Decision(rate, "dynamic_rate", "why"))
    record.decided(999, Decision(Action(ActionKind.ABORT), "late", "why"))
    assert record.decisions[-1]["code"] == "late"
    for _ in range(MOST_DECISIONS):
        record.decided(999, DECISION)
    assert len(record.decisions) == MOST_DECISIONS
