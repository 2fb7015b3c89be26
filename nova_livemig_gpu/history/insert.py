"""Puts an entry into the tables."""

import sqlite3

from nova_livemig_gpu.history import rows
from nova_livemig_gpu.history.entry import Entry


def insert(
    db: sqlite3.Connection, entry: Entry, replace: bool, latest: float
) -> None:
    """Insert an entry, within a transaction.

    :param replace: see ``History.add``
    :param latest: the last stamp that is believed, UNIX time
    """
    values = rows.columns(entry)
    there = db.execute(
        "SELECT ended_at FROM entries WHERE migration = ?",
        (values["migration"],),
    ).fetchone()
    if there is not None and (
        not replace or entry.ended_at < there[0] <= latest
    ):
        return
    db.execute(
        "DELETE FROM entries WHERE migration = ?", (values["migration"],)
    )
    for side in ("source", "destination"):
        values[side] = _host(db, values[side])
    names = ", ".join(values)
    marks = ", ".join("?" * len(values))
    cursor = db.execute(
        f"INSERT INTO entries ({names}) VALUES ({marks})",
        tuple(values.values()),
    )
    for one in entry.stuns:
        db.execute(
            "INSERT INTO stuns VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                cursor.lastrowid,
                one.key.gpu,
                one.key.vgpu_type,
                one.key.driver,
                one.key.link_mbps,
                one.vgpus,
                one.framebuffer_bytes,
                one.stun_s,
            ),
        )


def _host(db: sqlite3.Connection, name: str) -> int:
    db.execute("INSERT OR IGNORE INTO hosts (name) VALUES (?)", (name,))
    found = db.execute("SELECT id FROM hosts WHERE name = ?", (name,))
    return int(found.fetchone()[0])
