"""Builds the stand-in for NVML, and describes hosts to it.

python -m tests.nvml.stand_in DIR [HOST.toml]: build libnvidia-ml.so.1 into
DIR and write HOST there as "host"; print the environment to run with.
"""

import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
HOSTS = HERE / "hosts"
LIBRARY = "libnvidia-ml.so.1"

#: What a host is without a word on it. -1: NVML says "not supported".
_HOST = {"accepts_min": 0, "accepts_max": 9999, "range_max": 9999}
_GPU = {
    "ecc": -1,
    "mig": -1,
    "mode": -1,
    "streaming": -1,
    "read_mb_s": -1,
    "write_mb_s": -1,
    "migratable": 1,
}
_TYPE = {"most": 1, "creatable": 1}
_VGPU = {"vm_id_type": 1, "migratable": 1}
_FAULT = {"gpu": -1, "first": 1}


def build(folder: Path, without: Iterable[str] = ()) -> Path:
    """Compile the library into a folder, and return the folder.

    :param without: functions that an older NVML does not have
    """
    folder.mkdir(parents=True, exist_ok=True)
    absent = [f"-D{name}=absent_{name}" for name in without]
    command = ["gcc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-shared"]
    command += ["-fPIC", "-pthread", f"-Wl,-soname,{LIBRARY}", *absent]
    command += ["-o", str(folder / LIBRARY), str(HERE / "stand_in.c")]
    subprocess.run(command, check=True)
    return folder


def load(name: str) -> dict[str, Any]:
    """Return the description of one of the hosts in ``hosts/``."""
    return tomllib.loads((HOSTS / f"{name}.toml").read_text())


def describe(host: Mapping[str, Any]) -> str:
    """Return a host as the library reads it."""
    return "\n".join(_lines(host)) + "\n"


def environment(library: Path, description: Path) -> dict[str, str]:
    """Return what a process needs to see the host's GPUs."""
    return {
        "LD_LIBRARY_PATH": str(library),
        "NVML_STAND_IN": str(description),
    }


def _lines(host: Mapping[str, Any]) -> Iterator[str]:
    yield from _values({**_HOST, **host})
    for gpu in host.get("gpu", ()):
        yield from _section("gpu", {**_GPU, **gpu})
        for each in gpu.get("type", ()):
            yield from _section("type", {**_TYPE, **each})
        for each in gpu.get("vgpu", ()):
            yield from _section("vgpu", {**_VGPU, **each})
    for each in host.get("fault", ()):
        yield from _section("fault", {**_FAULT, **each})


def _section(name: str, values: Mapping[str, Any]) -> Iterator[str]:
    yield name
    yield from _values(values)


def _values(values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, bool | int):
            yield f"{key} {int(value)}"
        elif isinstance(value, str):
            yield f"{key} {value}"


def main(arguments: list[str]) -> None:
    folder = build(Path(arguments[0]).resolve())
    if len(arguments) > 1:
        host = tomllib.loads(Path(arguments[1]).read_text())
        (folder / "host").write_text(describe(host))
    for name, value in environment(folder, folder / "host").items():
        print(f"{name}={value}")


if __name__ == "__main__":
    main(sys.argv[1:])
