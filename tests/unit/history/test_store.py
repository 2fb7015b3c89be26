"""The file: bounded, shared, and never a reason for a migration to fail."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from nova_livemig_gpu.history import queries, schema
from nova_livemig_gpu.history.store import History
from nova_livemig_gpu.prediction.stun import StunSeen
from tests import builders_history as builders

REPO = Path(__file__).parents[3]


@pytest.fixture
def history(tmp_path):
    path = tmp_path / "deep" / "history.sqlite3"
    made = History(path, clock=lambda: builders.NOW)
    yield made
    made.close()


def uuids(history):
    return [entry.migration for entry in history.entries()]


def test_made_when_needed(tmp_path):
    path = tmp_path / "deep" / "history.sqlite3"
    history = History(path)
    assert not path.exists()
    assert history.add(builders.entry())
    assert path.exists()
    history.close()


def test_there_after_opening_again(history):
    stuns = (StunSeen(builders.KEY, 5 * 10**9, 3.5),)
    entry = builders.entry(stuns=stuns)
    assert history.add(entry)
    history.close()
    assert list(history.entries()) == [entry]


def test_the_same_migration_is_replaced(history):
    old = builders.entry(1, stuns=builders.typical(1).stuns)
    new = builders.entry(1, bandwidth_bps=7.0, ended_at=old.ended_at + 1)
    history.add(old)
    history.add(new)
    history.add(old)
    assert list(history.entries()) == [new]
    assert history.select("SELECT count(*) FROM stuns") == [(0,)]


def test_the_oldest_go_first(tmp_path):
    history = History(tmp_path / "h", most=10)
    for number in (*range(5, 15), *range(5)):
        history.add(builders.entry(number))
    assert history.count() == 10
    assert set(uuids(history)) == {
        builders.entry(n).migration for n in range(5, 15)
    }
    history.close()


def test_what_a_clock_that_was_ahead_has_stamped_goes_first(tmp_path):
    """Else each new entry would be the oldest, and go at once, for ever."""
    history = History(tmp_path / "h", most=10, clock=lambda: builders.NOW)
    for number in range(100, 110):
        ahead = builders.NOW + 365 * 86400.0 + number
        history.add(builders.entry(number, ended_at=ahead))
    for number in range(6):
        history.add(builders.entry(number))
    assert history.count() == 10
    kept = set(uuids(history))
    assert kept > {builders.entry(n).migration for n in range(6)}
    assert kept > {builders.entry(n).migration for n in range(106, 110)}
    history.close()


def test_a_clock_that_is_behind_costs_the_oldest(tmp_path):
    """All that is there is in its future."""
    now_s = [builders.NOW]
    history = History(tmp_path / "h", most=10, clock=lambda: now_s[0])
    for number in range(10):
        history.add(builders.entry(number))
    now_s[0] = 0.0
    history.add(builders.entry(50, ended_at=0.0))
    assert set(uuids(history)) == {
        builders.entry(n).migration for n in (*range(1, 10), 50)
    }
    history.close()


def test_a_stamp_from_the_future_does_not_protect_an_entry(tmp_path):
    history = History(tmp_path / "h", clock=lambda: builders.NOW)
    history.add(builders.entry(1, ended_at=builders.NOW + 1e8))
    right = builders.entry(1, bandwidth_bps=7.0)
    history.add(right)
    assert list(history.entries()) == [right]
    history.close()


def test_the_file_does_not_grow_beyond_its_bytes(tmp_path):
    history = History(tmp_path / "h", most_bytes=500_000)
    for first in range(0, 2000, 20):
        assert history.add(
            *(builders.typical(n) for n in range(first, first + 20))
        )
    size = (tmp_path / "h").stat().st_size
    assert size < 550_000
    newest = builders.typical(1999).migration
    assert 100 < history.count() < 2000
    assert newest in uuids(history)
    history.close()


def test_bytes_of_an_entry(tmp_path):
    """100 MB at 100,000: 950 bytes an entry are left for the file."""
    history = History(tmp_path / "h")
    for first in range(0, 4000, 1000):
        history.add(*(builders.typical(n) for n in range(first, first + 1000)))
    history.close()
    assert (tmp_path / "h").stat().st_size / 4000 < 950


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"no database at all" * 1000),
        lambda path: path.write_bytes(b"\0" * 100),
        lambda path: _overwrite(path, 0, b"junk"),
        lambda path: _overwrite(path, 4096, os.urandom(40_000)),
    ],
    ids=["text", "zeros", "header", "pages"],
)
def test_a_damaged_file_is_moved_aside(history, caplog, damage):
    history.add(*(builders.typical(n) for n in range(100)))
    history.close()
    damage(history.path)
    assert history.add(builders.entry())
    assert uuids(history) == [builders.entry().migration]
    aside = list(history.path.parent.glob("*.damaged-*"))
    assert len(aside) == 1
    assert "moved to" in caplog.text


def _overwrite(path, at, content):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def test_damage_while_it_is_open(history):
    history.add(*(builders.typical(n) for n in range(100)))
    other = History(history.path)
    assert other.count() == 100
    history.close()
    other.select("PRAGMA wal_checkpoint(TRUNCATE)")
    _overwrite(history.path, 0, os.urandom(history.path.stat().st_size))
    assert isinstance(other.count(), int)
    assert other.add(builders.entry())
    assert history.add(builders.entry(1))
    assert builders.entry(1).migration in uuids(history)
    other.close()


def test_a_later_version_s_file_is_left_alone(history, caplog):
    history.add(builders.entry())
    history.select("PRAGMA user_version = 99")
    history.close()
    assert history.count() == 0
    assert not history.add(builders.entry(1))
    assert not list(history.path.parent.glob("*.damaged-*"))
    assert caplog.text.count("schema 99") == 1


def test_a_place_that_cannot_be_written(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    history = History(tmp_path / "file" / "history.sqlite3")
    assert not history.add(builders.entry())
    assert history.count() == 0 and list(history.entries()) == []
    assert queries.overhead_ms(history, builders.NOW) is None
    assert "state_dir" in caplog.text


def test_a_lock_that_lasts_is_no_end(history, monkeypatch):
    monkeypatch.setattr("nova_livemig_gpu.history.store._BUSY_S", 0.05)
    history.add(builders.entry())
    history.close()
    other = sqlite3.connect(history.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert not history.add(builders.entry(1))
    assert history.count() == 1
    other.execute("ROLLBACK")
    other.close()
    assert history.add(builders.entry(1))


def test_an_entry_that_cannot_be_stored_is_no_end(history):
    wrong = builders.entry(ended_at="yesterday")
    history.add(wrong, builders.entry(2))
    assert history.add(builders.entry(1))
    assert builders.entry(1).migration in uuids(history)


_WRITER = """
import sys
from pathlib import Path
from nova_livemig_gpu.history.store import History
from tests import builders_history as builders
first = int(sys.argv[2])
history = History(Path(sys.argv[1]))
good = [history.add(builders.typical(first + n)) for n in range(40)]
print(all(good))
"""


def test_two_processes_write_at_once(history):
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(history.path), str(first)],
            cwd=REPO,
            stdout=subprocess.PIPE,
            text=True,
        )
        for first in (0, 1000)
    ]
    assert [w.communicate()[0].strip() for w in writers] == ["True"] * 2
    assert history.count() == 80


_KILLED = """
import os, sys
from pathlib import Path
from nova_livemig_gpu.history.store import History
from tests import builders_history as builders
history = History(Path(sys.argv[1]))
history.add(*(builders.typical(n) for n in range(20)))
db = history._open()
db.execute("BEGIN IMMEDIATE")
db.execute("DELETE FROM entries")
os.kill(os.getpid(), 9)
"""


def test_whole_entries_after_a_crash(history):
    subprocess.run(
        [sys.executable, "-c", _KILLED, str(history.path)], cwd=REPO
    )
    assert history.count() == 20
    assert history.select("PRAGMA integrity_check") == [("ok",)]
    assert history.add(builders.entry())


def test_after_a_fork_the_connection_is_its_own(history):
    history.add(builders.entry())
    child = os.fork()
    if not child:
        os._exit(0 if history.add(builders.entry(1)) else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert history.count() == 2


def test_an_older_file_is_brought_up(history):
    """A file of the first step has no table of stuns."""
    history.path.parent.mkdir(parents=True)
    old = sqlite3.connect(history.path, isolation_level=None)
    schema.upgrade(old, schema.STEPS[:1])
    old.execute("INSERT INTO hosts (name) VALUES ('one')")
    old.close()
    assert history.add(builders.typical(1))
    assert queries.stuns(history, [builders.KEY])
    assert ("one",) in history.select("SELECT name FROM hosts")


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path):
    db = sqlite3.connect(tmp_path / "h", isolation_level=None)
    schema.upgrade(db, schema.STEPS[:1])
    broken = (schema.STEPS[0], "CREATE TABLE fine (x); CREATE NONSENSE")
    with pytest.raises(sqlite3.Error):
        schema.upgrade(db, broken)
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    tables = db.execute("SELECT name FROM sqlite_schema").fetchall()
    assert ("fine",) not in tables
    schema.upgrade(db)
    db.close()
