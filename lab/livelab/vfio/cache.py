# SPDX-License-Identifier: Apache-2.0
"""Things that are costly to make, kept under a name that says of what."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def fingerprint(*parts: str | Path) -> str:
    """One word for some texts and the contents of some files or trees."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(part.encode() + b"\0")
            continue
        for file in sorted(part.rglob("*")) if part.is_dir() else [part]:
            if file.is_file():
                name = file.relative_to(part.parent)
                digest.update(f"{name}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def kept(
    cache: Path, kind: str, key: str, make: Callable[[Path], None]
) -> Path:
    """The directory KIND-KEY, made by ``make`` unless it is there.

    It appears whole or not at all: ``make`` fills a neighbour of it, which
    then takes its name. Whoever asks meanwhile waits. Other keys of the same
    kind are from another recipe, and are removed.
    """
    cache.mkdir(parents=True, exist_ok=True)
    place = cache / f"{kind}-{key}"
    with _alone(cache / f"{kind}.lock"):
        if not place.exists():
            for stale in cache.glob(f"{kind}-*"):
                shutil.rmtree(stale)
            scratch = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=cache))
            # What runs in a tree made here is not always this user.
            scratch.chmod(0o755)
            make(scratch)
            os.replace(scratch, place)
    return place


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
