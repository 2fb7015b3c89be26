# SPDX-License-Identifier: Apache-2.0
"""The lab's guest: Debian's cloud kernel, and an initramfs with the load.

Built on first use and kept in the lab's cache, under a name that is a hash
of all that went into it.
"""

import gzip
import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from livelab import command, cpio, paths
from livelab.errors import LabError

SOURCES = Path(__file__).resolve().parents[1] / "guest"
KERNEL = "linux-image-cloud-amd64"
BUSYBOX = Path("/usr/bin/busybox")
COMPILE = ["gcc", "-std=gnu11", "-O2", "-static", "-pthread"]


@dataclass(frozen=True)
class GuestFiles:
    """What QEMU boots."""

    kernel: Path
    initrd: Path


def build(state: Path | None = None) -> GuestFiles:
    """The guest's files, built if they are not in the cache yet.

    Raises LabError. Needs gcc, libc6-dev, busybox-static and, for the
    kernel, a package mirror.
    """
    cache = paths.cache_dir(state or paths.state_dir())
    return GuestFiles(_kernel(cache), _initrd(cache))


def build_writeload(target: Path) -> None:
    """Compile the load alone: it runs on the machine as well."""
    sources = [str(path) for path in sorted(SOURCES.glob("*.c"))]
    command.run([*COMPILE, "-o", str(target), *sources, "-lm"])


def _kernel(cache: Path) -> Path:
    package = kernel_package()

    def make(scratch: Path) -> bytes:
        tree = unpacked(package, scratch)
        (found,) = (tree / "boot").glob("vmlinuz-*")
        return found.read_bytes()

    return kept(cache / f"vmlinuz-{package.replace('=', '_')}", make)


def kernel_package() -> str:
    """The package that the metapackage stands for, as NAME=VERSION."""
    shown = command.run(["apt-cache", "show", "--no-all-versions", KERNEL])
    found = re.search(r"^Depends: (\S+) \(= ([^)]+)\)", shown.stdout, re.M)
    if not found:
        raise LabError(f"{KERNEL}: not known to apt; run apt-get update")
    return f"{found[1]}={found[2]}"


def unpacked(package: str, scratch: Path) -> Path:
    """Fetch and unpack only: installing a kernel would touch the machine.

    The sandbox user could not write into the lab's directory.
    """
    place = scratch / package.partition("=")[0]
    place.mkdir()
    fetch = f"apt-get -q -o APT::Sandbox::User=root download {package}"
    command.run(fetch.split(), cwd=place, timeout=300)
    (archive,) = place.glob("*.deb")
    command.run(["dpkg-deb", "-x", str(archive), str(place / "tree")])
    return place / "tree"


def _initrd(cache: Path) -> Path:
    if not BUSYBOX.exists():
        raise LabError(f"{BUSYBOX}: missing; install busybox-static")
    return kept(cache / f"initrd-{_fingerprint()}.gz", _packed)


def _fingerprint() -> str:
    digest = hashlib.sha256(" ".join(COMPILE).encode())
    for path in [*sorted(SOURCES.iterdir()), BUSYBOX]:
        digest.update(path.name.encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _packed(scratch: Path) -> bytes:
    load = scratch / "writeload"
    build_writeload(load)
    entries = [cpio.directory(name) for name in ("bin", "dev", "proc")]
    entries += [
        # The kernel opens it for init, before anything is mounted.
        cpio.character_device("dev/console", 5, 1),
        cpio.program("bin/busybox", BUSYBOX.read_bytes()),
        cpio.program("bin/writeload", load.read_bytes()),
        cpio.program("init", (SOURCES / "init").read_bytes()),
    ]
    return packed(entries)


def packed(entries: list[cpio.Entry]) -> bytes:
    """An initramfs of these."""
    return gzip.compress(cpio.archive(entries), 6, mtime=0)


def kept(place: Path, make: Callable[[Path], bytes]) -> Path:
    """A file of the cache, made in a directory beside it if it is not there.

    It appears at once: two builders may be at work, and one may be killed.
    """
    if not place.exists():
        with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
            made = Path(scratch, place.name)
            made.write_bytes(make(Path(scratch)))
            os.replace(made, place)
    return place
