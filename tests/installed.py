"""Installs the wheel, and takes it away again.

``python -m tests.installed``, in an environment with Nova:

* there, pip would install this project and nothing else;
* in an empty environment it comes with all it needs (``pip check``);
* ``pip uninstall`` leaves no file of it.
"""

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tests import wheel

CONSTRAINTS = wheel.REPO / "constraints" / "nova-34.txt"
IMPORTS = (
    "import nova_livemig_gpu.conf, nova_livemig_gpu.scheduler.verdict, "
    "nova_livemig_gpu.policies.adaptive"
)
PIP = ("-m", "pip", "--disable-pip-version-check")


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


def alone(built: Path, work: Path) -> list[str]:
    """Return what is wrong in an environment of its own."""
    place = work / "venv"
    venv.create(place, with_pip=True)
    python = str(place / "bin" / "python")
    found = []
    for words in (
        (*PIP, "install", "--quiet", "-c", str(CONSTRAINTS), str(built)),
        (*PIP, "check"),
        ("-c", IMPORTS),
        (*PIP, "uninstall", "--quiet", "--yes", "nova-livemig-gpu"),
    ):
        done = subprocess.run(
            [python, *words], capture_output=True, text=True, cwd=work
        )
        if done.returncode:
            said = done.stdout + done.stderr
            found.append(f"{' '.join(words[:4])}: {said.strip()}")
    left = [
        str(path.relative_to(place))
        for path in place.rglob("*livemig*")
        if path.is_file()
    ]
    if left:
        found.append(f"pip uninstall leaves {left}")
    return found


def main() -> int:
    """Return 0 where all is well."""
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        built = wheel.build(work)
        found = beside_nova(built) + alone(built, work)
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
