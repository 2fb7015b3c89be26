"""Installs the wheel over an older one, and takes it away again.

``python -m tests.installed``, in an environment with Nova:

* there, pip would install this project and nothing else;
* in an empty environment it comes with all it needs (``pip check``), also
  by ``pip install --upgrade`` over an older one, of which no file and no
  entry point is left;
* ``pip uninstall`` leaves no file of it;
* PyPI would show README and metadata (``twine check``).
"""

import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path
from unittest import mock

from tests import sdist, wheel

CONSTRAINTS = wheel.REPO / "constraints" / "nova-34.txt"
IMPORTS = (
    "import nova_livemig_gpu.conf, nova_livemig_gpu.scheduler.verdict, "
    "nova_livemig_gpu.policies.adaptive"
)
PIP = ("-m", "pip", "--disable-pip-version-check")
TWINE = ("twine", "readme_renderer[md]")
#: Below every version that pbr gives to a tree.
OLDER = "0.0.1.dev0"
GONE = "gone_since"
ENTRY_POINTS = (
    "from importlib.metadata import distribution; "
    "d = distribution('nova-livemig-gpu'); "
    "print(d.read_text('entry_points.txt'))"
)


def beside_nova(built: Path) -> list[str]:
    """Return what pip would do to an environment with Nova, if it is more
    than to install this project."""
    done = subprocess.run(
        [
            *[sys.executable, *PIP, "install", "--quiet", "--dry-run"],
            *["--report", "-", "-c", str(CONSTRAINTS), f"{built}[compute]"],
        ],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        return [done.stderr]
    plan = json.loads(done.stdout)["install"]
    names = {each["metadata"]["name"] for each in plan}
    others = names - {"nova-livemig-gpu"}
    return [f"pip would install {sorted(others)}"] if others else []


def older(source: Path, work: Path) -> Path:
    """Build a wheel with a module and an entry point that are gone since,
    and without one that is new.

    :param source: the sdist
    """
    with tarfile.open(source) as tar:
        tar.extractall(work, filter="data")
    (top,) = (path for path in work.iterdir() if path.is_dir())
    setup = top / "setup.cfg"
    gone = f"{GONE} = nova_livemig_gpu.{GONE}:Policy"
    text, found = re.subn(r"\bproxmox *=.*", gone, setup.read_text())
    assert found == 1, "setup.cfg has no policy proxmox"
    setup.write_text(text)
    (top / "nova_livemig_gpu" / f"{GONE}.py").write_text("Policy = object\n")
    with mock.patch.dict(os.environ, {"PBR_VERSION": OLDER}):
        return wheel.build(work, top)


def alone(built: Path, before: Path, work: Path) -> list[str]:
    """Return what is wrong in an environment of its own.

    :param before: an older wheel, which is there first
    """
    place = work / "venv"
    venv.create(place, with_pip=True)
    python = str(place / "bin" / "python")
    found: list[str] = []

    def call(*words: str) -> str:
        done = subprocess.run(
            [python, *words], capture_output=True, text=True, cwd=work
        )
        if done.returncode:
            said = done.stdout + done.stderr
            found.append(f"{' '.join(words[:4])}: {said.strip()}")
        return done.stdout

    install = (*PIP, "install", "--quiet", "-c", str(CONSTRAINTS))
    call(*install, str(before))
    if GONE not in call("-c", ENTRY_POINTS):
        found.append("the older wheel has no entry points of its own")
    call(*install, "--upgrade", str(built))
    if call("-c", ENTRY_POINTS).strip() != wheel.entry_points(built).strip():
        found.append("after an upgrade the entry points are others")
    found += _left(place, f"*{GONE}*", "pip install --upgrade")
    call(*PIP, "check")
    call("-c", IMPORTS)
    call(*PIP, "uninstall", "--quiet", "--yes", "nova-livemig-gpu")
    return found + _left(place, "*livemig*", "pip uninstall")


def _left(place: Path, pattern: str, after: str) -> list[str]:
    left = [
        str(path.relative_to(place))
        for path in place.rglob(pattern)
        if path.is_file()
    ]
    return [f"{after} leaves {left}"] if left else []


def shown(work: Path, *built: Path) -> list[str]:
    """Return what PyPI would not take, or not show."""
    place = work / "twine"
    venv.create(place, with_pip=True)
    python = str(place / "bin" / "python")
    constraints = ("-c", str(CONSTRAINTS))
    for words in (
        (*PIP, "install", "--quiet", *constraints, *TWINE),
        ("-m", "twine", "check", "--strict", *map(str, built)),
    ):
        done = subprocess.run([python, *words], capture_output=True, text=True)
        if done.returncode:
            return [done.stdout + done.stderr]
    return []


def main() -> int:
    """Return 0 where all is well."""
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        source, built = sdist.build(work), wheel.build(work)
        (work / "older").mkdir()
        before = older(source, work / "older")
        found = beside_nova(built) + alone(built, before, work)
        found += shown(work, source, built)
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
