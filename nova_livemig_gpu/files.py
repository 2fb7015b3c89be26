"""Files of this package: for its user and group, never for all.

Records, history and audit log name servers, users and hosts. What is made
has mode 0750 (folders) and 0640 (files), less where the umask says so; what
is there already is the operator's and stays as it is.
"""

import contextlib
import os
import stat
import tempfile
from pathlib import Path

DIRECTORY_MODE = 0o750
FILE_MODE = 0o640


def make_directory(path: Path) -> None:
    """Make a folder and what is missing above it.

    :raises OSError: it cannot be made, or is no folder
    """
    missing = []
    for folder in (path, *path.parents):
        if folder.exists():
            break
        missing.append(folder)
    for folder in reversed(missing):
        folder.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
    path.mkdir(exist_ok=True)


def create(path: Path) -> None:
    """Make an empty file, unless there is one.

    :raises OSError: it cannot be made
    """
    with contextlib.suppress(FileExistsError):
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        os.close(os.open(path, flags, FILE_MODE))


def replace(path: Path, text: str) -> None:
    """Write a file, whole or not at all.

    :raises OSError: it cannot be written; the old one is still there
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".record-")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def open_to_all(path: Path) -> int | None:
    """Return the mode of a folder that others than user and group may read
    or enter; None: they may not, or it is not there."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None
    return mode if mode & stat.S_IRWXO else None
