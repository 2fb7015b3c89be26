"""The audit log's file."""

import json
import multiprocessing
import os
import stat
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from nova_livemig_gpu.migration import audit as audit_module
from nova_livemig_gpu.migration.audit import AuditEvent, audit

EVENT = AuditEvent("livemig_gpu.migration", phase="end", server="s" * 36)
KEYS = [
    "time",
    "event",
    "phase",
    "request_id",
    "user_id",
    "project_id",
    "server",
    "server_name",
    "source",
    "destination",
    "result",
    "reason",
]


def config(path):
    group = SimpleNamespace(audit_log=str(path))
    return SimpleNamespace(livemig_gpu=group)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(autouse=True)
def nothing_logged_yet():
    audit_module._logged.clear()


def test_a_line_has_every_key_and_the_time(tmp_path):
    path = tmp_path / "audit.log"
    audit(config(path), EVENT)
    (line,) = lines(path)
    assert list(line) == KEYS
    assert line["reason"] is None
    when = datetime.fromisoformat(line["time"])
    assert when.utcoffset() == timedelta(0)


def test_a_time_that_is_known_is_kept(tmp_path):
    path = tmp_path / "audit.log"
    audit(config(path), AuditEvent("x", time="2026-11-21T08:00:00+00:00"))
    assert lines(path)[0]["time"] == "2026-11-21T08:00:00+00:00"


def test_directory_and_file_are_made_for_the_group_to_read(tmp_path):
    path = tmp_path / "not" / "there" / "audit.log"
    before = os.umask(0o022)
    try:
        audit(config(path), EVENT)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750


def test_empty_path_is_off(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    audit(config(""), EVENT)
    assert list(tmp_path.iterdir()) == []


def test_rotation_needs_no_signal(tmp_path):
    path = tmp_path / "audit.log"
    audit(config(path), EVENT)
    path.rename(tmp_path / "audit.log.1")
    audit(config(path), EVENT)
    assert len(lines(path)) == 1


def test_a_line_break_in_a_name_does_not_break_the_line(tmp_path):
    path = tmp_path / "audit.log"
    evil = 'x\n{"event": "forged"}\u2028\ud800'
    audit(config(path), AuditEvent("x", server_name=evil))
    (line,) = lines(path)
    assert line["server_name"] == evil


def test_trouble_is_logged_once_a_kind_and_never_raised(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "audit.log"
    for _ in range(5):
        audit(config(path), EVENT)
    (message,) = caplog.messages
    assert str(path) in message and "[livemig_gpu] audit_log" in message
    audit(config(tmp_path), EVENT)
    assert len(caplog.messages) == 2, "a directory is another kind"


def test_trouble_that_comes_back_is_logged_again(tmp_path, caplog):
    bad = tmp_path / "log"
    bad.mkdir()
    audit(config(bad), EVENT)
    bad.rmdir()
    audit(config(bad), EVENT)
    bad.unlink()
    bad.mkdir()
    audit(config(bad), EVENT)
    assert len(caplog.messages) == 2


def test_an_option_that_cannot_be_read_is_trouble_too(caplog):
    audit(SimpleNamespace(), EVENT)
    assert "audit_log" in caplog.text


def _write_many(path, number):
    for _ in range(200):
        audit(config(path), AuditEvent("x", reason=str(number) * 3000))


def test_lines_of_several_processes_do_not_mix(tmp_path):
    path = tmp_path / "audit.log"
    spawn = multiprocessing.get_context("fork")
    writers = [
        spawn.Process(target=_write_many, args=(path, n)) for n in range(4)
    ]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    found = lines(path)
    assert len(found) == 800
    assert all(len(set(line["reason"])) == 1 for line in found)
