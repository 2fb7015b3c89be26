"""The history of this host's migrations, in SQLite.

Several processes write to the file: nova-compute, and the command that
imports. Each change is one transaction, in WAL mode: after a crash the file
holds whole entries, at worst not the last ones. A writer waits for another at
most 2 s. Bounded: the oldest entries go where there are more than ``most``,
and a twentieth of them where the file would grow beyond ``most_bytes``. An
entry that ended in the future was stamped by a clock that was ahead. Its age
is unknown: it goes before all others, and is not asked for beside them (see
``history.queries``).

Losing the history costs accuracy of predictions, nothing else. So nothing
here raises: a file that is no history, or damaged, is moved aside, the log
says so, and another is begun; a file of a later version, a full disk or a
lock that lasts is said once, and the answer is "nothing known".
"""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from oslo_log import log as logging

from nova_livemig_gpu import files
from nova_livemig_gpu.history import insert, rows, schema
from nova_livemig_gpu.history.codec import InvalidEntry
from nova_livemig_gpu.history.entry import Entry

LOG = logging.getLogger(__name__)

_BUSY_S = 2.0
_MOST = 100_000
_MOST_BYTES = 100 * 10**6
#: Part of the bytes that is left to the write-ahead log.
_ROOM = 0.95
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BATCH = 500
#: So far ahead a stamp may be, since clocks of hosts differ.
AHEAD_S = 3600.0

T = TypeVar("T")


class History:
    """The file, opened when first needed. For all threads of a process."""

    def __init__(
        self,
        path: Path,
        most: int = _MOST,
        most_bytes: int = _MOST_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """:param path: the file, made when needed

        :param most: entries that are kept; the oldest go first
        :param clock: UNIX time
        """
        self.path = path
        self._clock = clock
        self._most = most
        self._most_bytes = most_bytes
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._pid = 0
        self._inode = 0
        self._said: str | None = None

    def add(self, *entries: Entry, replace: bool = True) -> bool:
        """Keep entries.

        :param replace: one with the same migration is replaced, unless it
            is newer; otherwise what is there already stays
        :returns: False: nothing was kept, and the log says why
        """

        def work(db: sqlite3.Connection) -> bool:
            for entry in entries:
                insert.insert(db, entry, replace, self._latest())
            self._prune(db)
            return True

        return self._guarded(lambda db: _transaction(db, work), False)

    def select(
        self, question: str, values: Sequence[Any] = ()
    ) -> list[tuple[Any, ...]]:
        """Answer a query; empty where the file cannot."""
        return self._guarded(
            lambda db: db.execute(question, values).fetchall(), []
        )

    def entries(self) -> Iterator[Entry]:
        """Yield all entries, the oldest first; damaged ones are left out."""
        last = 0
        while True:
            found = self.select(
                "SELECT id, points, body FROM entries WHERE id > ?"
                " ORDER BY id LIMIT ?",
                (last, _BATCH),
            )
            if not found:
                return
            for _, points, body in found:
                with contextlib.suppress(InvalidEntry):
                    yield rows.entry_of(points, body)
            last = found[-1][0]

    def count(self) -> int:
        """How many entries there are; 0 where the file cannot be read."""
        found = self.select("SELECT count(*) FROM entries")
        return int(found[0][0]) if found else 0

    def close(self) -> None:
        """Let go of the file; it is opened again when needed."""
        with self._lock:
            if self._db is not None and self._pid == os.getpid():
                with contextlib.suppress(sqlite3.Error):
                    self._db.close()
            self._db = None

    def _guarded(
        self, work: Callable[[sqlite3.Connection], T], otherwise: T
    ) -> T:
        with self._lock:
            for attempt in (1, 2):
                try:
                    result = work(self._open())
                except sqlite3.DatabaseError as exc:
                    if attempt == 1 and _damaged(exc):
                        self._move_aside(exc)
                        continue
                    self._complain(exc)
                except Exception as exc:
                    self._complain(exc)
                else:
                    self._said = None
                    return result
                self.close()
                return otherwise
        return otherwise

    def _open(self) -> sqlite3.Connection:
        if self._db is not None and self._pid == os.getpid():
            return self._db
        files.make_directory(self.path.parent)
        # SQLite gives its other two files the mode of this one.
        files.create(self.path)
        db = sqlite3.connect(
            self.path,
            timeout=_BUSY_S,
            isolation_level=None,
            check_same_thread=False,
        )
        self._db, self._pid = db, os.getpid()
        self._inode = self.path.stat().st_ino
        with contextlib.suppress(sqlite3.OperationalError):
            # refused while another process does the same; it stays set
            db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        schema.upgrade(db)
        return db

    def _latest(self) -> float:
        """The last stamp that is believed."""
        return self._clock() + AHEAD_S

    def _prune(self, db: sqlite3.Connection) -> None:
        (count,) = db.execute("SELECT count(*) FROM entries").fetchone()
        self._delete_oldest(db, count - self._most)
        pages, free, size = (
            db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        if (pages - free) * size > _ROOM * self._most_bytes:
            self._delete_oldest(db, 1 + count // 20)

    def _delete_oldest(self, db: sqlite3.Connection, number: int) -> None:
        for where in ("ended_at > ?", "ended_at <= ?"):
            if number > 0:
                number -= db.execute(
                    "DELETE FROM entries WHERE id IN (SELECT id FROM entries"
                    f" WHERE {where} ORDER BY ended_at, id LIMIT ?)",
                    (self._latest(), number),
                ).rowcount

    def _move_aside(self, reason: Exception) -> None:
        """Another process may have done so already."""
        self.close()
        with contextlib.suppress(OSError):
            if self.path.stat().st_ino != self._inode:
                return
        aside = self.path.with_name(
            f"{self.path.name}.damaged-{int(time.time())}"
        )
        LOG.error(
            "The history %s cannot be read (%s). It is moved to %s, and "
            "another is begun: predictions are less accurate for a while.",
            self.path,
            reason,
            aside,
        )
        with contextlib.suppress(OSError):
            os.replace(self.path, aside)
        for ending in ("-wal", "-shm"):
            with contextlib.suppress(OSError):
                os.unlink(f"{self.path}{ending}")

    def _complain(self, error: Exception) -> None:
        """Once for each kind of trouble."""
        kind = f"{type(error).__name__}: {error}"
        if kind == self._said:
            return
        self._said = kind
        LOG.warning(
            "The history %s cannot be used now (%s); predictions are less "
            "accurate. Check [livemig_gpu] state_dir.",
            self.path,
            error,
        )


def _damaged(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGED


def _transaction(
    db: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]
) -> T:
    db.execute("BEGIN IMMEDIATE")
    try:
        result = work(db)
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise
    return result
