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


def config(path, max_mb=50):
    group = SimpleNamespace(audit_log=str(path), audit_log_max_mb=max_mb)
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


def test_a_long_text_is_cut(tmp_path):
    path = tmp_path / "audit.log"
    audit(config(path), AuditEvent("x", reason="r" * 10_000_000))
    (line,) = lines(path)
    assert len(line["reason"]) == 2000
    assert path.stat().st_size < 3000


def test_a_full_file_moves_aside_and_no_line_is_lost(tmp_path):
    path = tmp_path / "audit.log"
    for number in range(2000):
        reason = f"{number} " + "r" * 1000
        audit(config(path, max_mb=1), AuditEvent("x", reason=reason))
    files = [path.with_name("audit.log.2"), path.with_name("audit.log.1")]
    assert {each.name for each in tmp_path.iterdir()} == {
        "audit.log",
        "audit.log.1",
        "audit.log.2",
        "audit.log.lock",
    }
    found = [line for each in (*files, path) for line in lines(each)]
    told = [int(line["reason"].split()[0]) for line in found]
    assert told == list(range(2000))
    assert all(each.stat().st_size <= 10**6 for each in tmp_path.iterdir())


def test_the_oldest_file_goes(tmp_path):
    path = tmp_path / "audit.log"
    for number in range(12):
        path.write_text(f"{number}\n".ljust(10**6))
        audit(config(path, max_mb=1), EVENT)
    kept = [path.with_name(f"audit.log.{n}") for n in range(1, 5)]
    assert [each.read_text().split()[0] for each in kept] == [
        *("11", "10", "9", "8")
    ]
    assert len(list(tmp_path.glob("audit.log.?"))) == 4


def test_the_new_file_is_like_the_old(tmp_path):
    """An operator lets a group write, and others read nothing."""
    path = tmp_path / "audit.log"
    path.write_text("x" * 10**6)
    path.chmod(0o660)
    audit(config(path, max_mb=1), EVENT)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert len(lines(path)) == 1


def test_no_bound(tmp_path):
    path = tmp_path / "audit.log"
    path.write_text("x" * 2 * 10**6)
    audit(config(path, max_mb=0), EVENT)
    assert [each.name for each in tmp_path.iterdir()] == ["audit.log"]


def test_a_file_that_cannot_move_grows(tmp_path, caplog, monkeypatch):
    """Losing lines is worse than growing."""
    path = tmp_path / "audit.log"
    path.write_text("x" * 10**6 + "\n")

    def refuse(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(audit_module.audit_rotation.os, "replace", refuse)
    for _ in range(3):
        audit(config(path, max_mb=1), EVENT)
    assert len(path.read_text().splitlines()) == 4
    (message,) = caplog.messages
    assert "cannot be rotated" in message and "audit_log_max_mb" in message


def test_what_is_no_regular_file_is_written_to(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        audit(config(path, max_mb=1), EVENT)
        assert b'"phase": "end"' in os.read(reader, 10_000)
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_link_stays_a_link(tmp_path):
    real = tmp_path / "big-disk" / "audit.log"
    real.parent.mkdir()
    real.write_text("x" * 10**6)
    path = tmp_path / "audit.log"
    path.symlink_to(real)
    audit(config(path, max_mb=1), EVENT)
    assert path.is_symlink()
    assert len(lines(real)) == 1
    assert real.with_name("audit.log.1").exists()


def _write_many(path, number, max_mb=50):
    for n in range(200):
        reason = f"{number}.{n}".ljust(1900, "x")
        audit(config(path, max_mb), AuditEvent("x", reason=reason))


def test_several_processes_rotate_and_lose_nothing(tmp_path):
    path = tmp_path / "audit.log"
    spawn = multiprocessing.get_context("fork")
    writers = [
        spawn.Process(target=_write_many, args=(path, n, 1)) for n in range(6)
    ]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    files = [path, *tmp_path.glob("audit.log.[0-9]")]
    assert len(files) >= 3
    told = [line["reason"] for each in files for line in lines(each)]
    assert len(told) == len(set(told)) == 1200


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
    assert len({line["reason"] for line in found}) == 800
