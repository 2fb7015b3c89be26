"""Bounds the audit log: full files move aside, the oldest goes.

``audit.log`` becomes ``audit.log.1``, that becomes ``audit.log.2`` and so
on; with the one that is written there are ``1 + KEPT`` of them. Several
processes do this, so it is done under a lock (``audit.log.lock``) and only
where the file is still full then. Whoever has opened the old file a moment
ago writes its line there: none is lost.

The new file has mode, owner and group of the old one, which may be the
operator's choice. What is no regular file is left alone, and a link leads to
the file that is meant.
"""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator

from nova_livemig_gpu import files

#: Full files that are kept.
KEPT = 4


def rotate(path: str, length: int, most_bytes: int) -> None:
    """Move a file aside that has no room for another line.

    :param length: of that line, bytes
    :param most_bytes: 0: there is no bound
    :raises OSError: it is full and cannot be moved
    """
    if not most_bytes or not _full(path, length, most_bytes):
        return
    path = os.path.realpath(path)
    with _locked(f"{path}.lock"):
        old = _full(path, length, most_bytes)
        if old is None:
            return  # another process has done it
        for number in range(KEPT - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{path}.{number}", f"{path}.{number + 1}")
        os.replace(path, f"{path}.1")
        _make_alike(path, old)


def _full(path: str, length: int, most_bytes: int) -> os.stat_result | None:
    try:
        now = os.stat(path)
    except OSError:
        return None  # writing tells what is wrong
    full = stat.S_ISREG(now.st_mode) and now.st_size + length > most_bytes
    return now if full and now.st_size else None


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    handle = os.open(path, os.O_RDONLY | os.O_CREAT, files.FILE_MODE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _make_alike(path: str, old: os.stat_result) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, files.FILE_MODE)
    try:
        # Only root may give a file away; a group may be changed by members.
        with contextlib.suppress(OSError):
            os.fchown(handle, old.st_uid, old.st_gid)
        with contextlib.suppress(OSError):
            os.fchmod(handle, stat.S_IMODE(old.st_mode))
    finally:
        os.close(handle)
