"""Builds the wheel and looks whether it holds what an operator needs.

``python -m tests.wheel``. Other tests run from the checkout, where nothing
can be missing.
"""

import configparser
import email
import importlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
PACKAGE = REPO / "nova_livemig_gpu"
SAMPLE = "nova-livemig-gpu.conf.sample"
#: What the metadata must say.
SAYS = {
    "Name": "nova-livemig-gpu",
    "License": "Apache-2.0",
    "License-File": "LICENSE",
    "Requires-Python": ">=3.11",
    "Description-Content-Type": "text/markdown; charset=UTF-8",
}
EXTRAS = {"compute", "report", "test"}


def build(target: Path, source: Path = REPO) -> Path:
    """Build the wheel with pip, as ``pip install .`` does."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "-w", str(target), str(source)]
    subprocess.run(command, check=True)
    (wheel,) = target.glob("*.whl")
    return wheel


def problems(wheel: zipfile.ZipFile) -> list[str]:
    """Return what is wrong with the wheel, in words."""
    names = set(wheel.namelist())
    found = [
        f"{path.relative_to(REPO)} is not in the wheel"
        for path in PACKAGE.rglob("*.py")
        if str(path.relative_to(REPO)) not in names
    ]
    tops = {name.split("/")[0] for name in names}
    found += [
        f"{top} is in the wheel"
        for top in tops
        if top != "nova_livemig_gpu"
        and not top.endswith((".dist-info", ".data"))
    ]
    samples = [name for name in names if name.endswith(SAMPLE)]
    where = f".data/data/etc/nova_livemig_gpu/{SAMPLE}"
    if len(samples) != 1 or not samples[0].endswith(where):
        found.append(f"the sample of nova.conf: {samples}, not {where}")
    return found + _metadata(wheel) + _entry_points(wheel)


def _metadata(wheel: zipfile.ZipFile) -> list[str]:
    message = email.message_from_bytes(_of_dist(wheel, "METADATA"))
    found = [
        f"metadata: {name} is {message[name]!r}, not {value!r}"
        for name, value in SAYS.items()
        if message[name] != value
    ]
    extras = set(message.get_all("Provides-Extra") or ())
    if extras != EXTRAS:
        found.append(f"metadata: extras are {sorted(extras)}")
    wants_nova = [
        line
        for line in message.get_all("Requires-Dist") or ()
        if line.split(";")[0].strip().startswith(("nova>", "nova=", "nova "))
        or line == "nova"
    ]
    if wants_nova:
        found.append(f"metadata: pip would touch Nova: {wants_nova}")
    if _of_dist(wheel, "licenses/LICENSE") != (REPO / "LICENSE").read_bytes():
        found.append("the licence is another one")
    if "# nova-livemig-gpu" not in str(message.get_payload()):
        found.append("metadata: no README")
    return found


def entry_points(wheel: Path) -> str:
    """Return the entry points that the wheel brings."""
    return _of_dist(zipfile.ZipFile(wheel), "entry_points.txt").decode()


def _entry_points(wheel: zipfile.ZipFile) -> list[str]:
    found = []
    parser = configparser.ConfigParser(delimiters="=")
    parser.read_string(_of_dist(wheel, "entry_points.txt").decode())
    for group in parser.sections():
        for name, target in parser[group].items():
            module, _, attribute = target.partition(":")
            try:
                loaded = importlib.import_module(module)
                if attribute:
                    getattr(loaded, attribute)
            except (ImportError, AttributeError) as exc:
                found.append(f"{group}: {name} = {target}: {exc}")
    for group in ("oslo.messaging.notify.drivers", "tempest.test_plugins"):
        if group not in parser:
            found.append(f"no entry points {group}")
    return found


def _of_dist(wheel: zipfile.ZipFile, name: str) -> bytes:
    (full,) = (
        each
        for each in wheel.namelist()
        if each.endswith(f".dist-info/{name}")
    )
    return wheel.read(full)


def main() -> int:
    """Return 0 where the wheel is whole."""
    with tempfile.TemporaryDirectory() as work:
        found = problems(zipfile.ZipFile(build(Path(work))))
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
