"""Builds the wheel and looks whether it holds what an operator needs.

``python -m tests.wheel``. Other tests run from the checkout, where nothing
can be missing.
"""

import configparser
import importlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
PACKAGE = REPO / "nova_livemig_gpu"


def build(target: Path) -> zipfile.ZipFile:
    """Build the wheel with pip, as ``pip install .`` does."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "-w", str(target), str(REPO)]
    subprocess.run(command, check=True)
    (wheel,) = target.glob("*.whl")
    return zipfile.ZipFile(wheel)


def problems(wheel: zipfile.ZipFile) -> list[str]:
    """Return what is wrong with the wheel, in words."""
    names = set(wheel.namelist())
    found = [
        f"{path.relative_to(REPO)} is not in the wheel"
        for path in PACKAGE.rglob("*.py")
        if str(path.relative_to(REPO)) not in names
    ]
    (points,) = (n for n in names if n.endswith("entry_points.txt"))
    parser = configparser.ConfigParser(delimiters="=")
    parser.read_string(wheel.read(points).decode())
    for group in parser.sections():
        for name, target in parser[group].items():
            module, _, attribute = target.partition(":")
            try:
                loaded = importlib.import_module(module)
                if attribute:
                    getattr(loaded, attribute)
            except (ImportError, AttributeError) as exc:
                found.append(f"{group}: {name} = {target}: {exc}")
    if "oslo.messaging.notify.drivers" not in parser:
        found.append("no entry points")
    return found


def main() -> int:
    """Return 0 where the wheel is whole."""
    with tempfile.TemporaryDirectory() as work:
        found = problems(build(Path(work)))
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
