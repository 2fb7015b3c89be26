"""The tables of the history, step by step.

``PRAGMA user_version`` says how many steps a file has gone through. A step
is never changed once released: another is added.
"""

import sqlite3

_ENTRIES = """
CREATE TABLE hosts (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    migration NOT NULL UNIQUE,
    server NOT NULL,
    source INTEGER NOT NULL REFERENCES hosts,
    destination INTEGER NOT NULL REFERENCES hosts,
    ended_at REAL NOT NULL,
    completed INTEGER NOT NULL,
    plain INTEGER NOT NULL,
    compression TEXT,
    channels INTEGER,
    tls INTEGER NOT NULL,
    bandwidth_bps REAL,
    overhead_ms REAL,
    queue_bytes REAL,
    total_s REAL,
    downtime_ms REAL,
    model_total_s REAL,
    model_downtime_ms REAL,
    points BLOB,
    body BLOB NOT NULL
);
CREATE INDEX entries_age ON entries (ended_at);
CREATE INDEX entries_server ON entries (server, ended_at)
    WHERE points IS NOT NULL;
CREATE INDEX entries_pair
    ON entries (source, destination, plain, ended_at)
    WHERE bandwidth_bps IS NOT NULL;
CREATE INDEX entries_effect
    ON entries (compression, channels, tls, ended_at)
    WHERE bandwidth_bps IS NOT NULL AND NOT plain;
CREATE INDEX entries_overhead ON entries (ended_at)
    WHERE overhead_ms IS NOT NULL;
CREATE INDEX entries_queue ON entries (source, destination, ended_at)
    WHERE queue_bytes IS NOT NULL;
CREATE INDEX entries_error ON entries (ended_at)
    WHERE model_total_s IS NOT NULL;
"""

_STUNS = """
CREATE TABLE stuns (
    entry INTEGER NOT NULL REFERENCES entries ON DELETE CASCADE,
    gpu TEXT NOT NULL,
    vgpu_type TEXT,
    driver TEXT,
    link_mbps INTEGER,
    vgpus INTEGER NOT NULL,
    framebuffer_bytes INTEGER NOT NULL,
    stun_s REAL NOT NULL
);
CREATE INDEX stuns_entry ON stuns (entry);
CREATE INDEX stuns_gpu ON stuns (gpu, entry);
"""

_MEMORY = """
ALTER TABLE entries ADD COLUMN normal_bytes REAL;
ALTER TABLE entries ADD COLUMN resident_bytes REAL;
DROP INDEX entries_server;
CREATE INDEX entries_server ON entries (server, ended_at)
    WHERE points IS NOT NULL OR normal_bytes IS NOT NULL;
"""

STEPS = (_ENTRIES, _STUNS, _MEMORY)


class NewerSchema(Exception):
    """A later version of this package has written the file."""


def upgrade(db: sqlite3.Connection, steps: tuple[str, ...] = STEPS) -> None:
    """Bring a file to the newest step; whole steps or none.

    :raises NewerSchema: it is beyond
    """
    if _version(db) == len(steps):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        done = _version(db)
        if done > len(steps):
            raise NewerSchema(
                f"schema {done}, this version knows {len(steps)}"
            )
        for step in steps[done:]:
            for statement in step.split(";"):
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(steps)}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def _version(db: sqlite3.Connection) -> int:
    (found,) = db.execute("PRAGMA user_version").fetchone()
    return int(found)
