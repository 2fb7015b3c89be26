"""Sources of the Nova releases that the driver supports, to be read only.

A release is taken from the running environment if it is installed there,
else downloaded once with pip (with the machine's own pip settings) and kept
in ``${XDG_CACHE_HOME:-~/.cache}/nova-livemig-gpu/nova-<version>``.

``python -m tests.nova_sources`` fetches all of them.
"""

import ast
import functools
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

RELEASES = ("31.0.0", "32.0.0", "33.0.0", "34.0.0")


class Unavailable(Exception):
    """Sources of a release cannot be had; says why."""


@functools.cache
def root(version: str) -> Path:
    """Return the directory that holds ``nova/`` of a release.

    :raises Unavailable: it is not installed and cannot be downloaded
    """
    installed = _installed(version)
    if installed is not None:
        return installed
    kept = _cache() / f"nova-{version}"
    if not kept.is_dir():
        _download(version, kept)
    return kept


@functools.cache
def module(version: str, path: str) -> ast.Module:
    """Return the parsed ``nova/<path>`` of a release.

    :raises Unavailable: see :func:`root`
    """
    return ast.parse((root(version) / "nova" / path).read_text())


def _installed(version: str) -> Path | None:
    try:
        if importlib.metadata.version("nova") != version:
            return None
    except importlib.metadata.PackageNotFoundError:
        return None
    spec = importlib.util.find_spec("nova")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent.parent


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "nova-livemig-gpu"


def _download(version: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        wheel = _wheel(version, Path(work))
        fresh = Path(work) / "unpacked"
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(fresh, _sources(archive))
        try:
            fresh.rename(target)
        except OSError as exc:
            # Another run was quicker, or the cache cannot be written.
            if not target.is_dir():
                raise Unavailable(f"nova {version}: {exc}") from exc


def _wheel(version: str, work: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet"]
    command += ["--disable-pip-version-check", "--no-deps"]
    # Only read, never run: its own idea of Python does not matter.
    command += ["--ignore-requires-python", "--only-binary=:all:"]
    command += ["--dest", str(work), f"nova=={version}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=300, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise Unavailable(f"nova {version}: {exc}") from exc
    wheels = list(work.glob("nova-*.whl"))
    if done.returncode or not wheels:
        last = (done.stderr.strip().splitlines() or ["no wheel"])[-1]
        raise Unavailable(f"nova {version}: pip download failed: {last}")
    return wheels[0]


def _sources(archive: zipfile.ZipFile) -> list[str]:
    return [
        name
        for name in archive.namelist()
        if name.startswith("nova/")
        and not name.startswith("nova/tests/")
        and name.endswith(".py")
    ]


if __name__ == "__main__":
    for release in RELEASES:
        print(release, root(release))
