"""Builds the sdist and looks whether it holds what is not in the wheel.

``python -m tests.sdist``. A wheel built from it is the same wheel.
"""

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from tests import wheel

REPO = wheel.REPO
#: DevStack and packagers work from the source.
MUST = (
    "LICENSE",
    "README.md",
    "PKG-INFO",
    "constraints/nova-34.txt",
    "devstack/plugin.sh",
    "devstack/settings",
    "etc/nova_livemig_gpu/config-generator.conf",
    f"etc/nova_livemig_gpu/{wheel.SAMPLE}",
    "lab/up",
    "releasenotes/notes",
    "tests/run",
)


def build(target: Path) -> Path:
    """Build the sdist and return the file."""
    code = "import sys, pbr.build as b; b.build_sdist(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", code, str(target)],
        cwd=REPO,
        check=True,
        capture_output=True,
    )
    (sdist,) = target.glob("*.tar.gz")
    return sdist


def problems(sdist: Path, work: Path) -> list[str]:
    """Return what is wrong with it, in words.

    :param work: an empty directory
    """
    with tarfile.open(sdist) as tar:
        tar.extractall(work, filter="data")
    (top,) = work.iterdir()
    found = [
        f"{name} is not in the sdist"
        for name in MUST
        if not (top / name).exists()
    ]
    for built in ("here", "there"):
        (work / built).mkdir()
    here = zipfile.ZipFile(wheel.build(work / "here"))
    there = zipfile.ZipFile(wheel.build(work / "there", top))
    differ = _contents(here) ^ _contents(there)
    if differ:
        names = sorted({name for name, _ in differ})
        found.append(f"a wheel from the sdist is another one: {names}")
    return found


def _contents(built: zipfile.ZipFile) -> set[tuple[str, int]]:
    """Names with checksums, without what tells of the build."""
    return {
        (info.filename, info.CRC)
        for info in built.infolist()
        if not info.filename.endswith(("/RECORD", "/pbr.json"))
    }


def main() -> int:
    """Return 0 where the sdist is whole."""
    with tempfile.TemporaryDirectory() as place:
        target, work = Path(place, "sdist"), Path(place, "work")
        target.mkdir()
        work.mkdir()
        found = problems(build(target), work)
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
