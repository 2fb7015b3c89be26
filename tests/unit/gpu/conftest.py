"""The stand-in for NVML, built once; a host of its own for each test."""

import shutil
from pathlib import Path

import pytest

from tests.nvml import stand_in
from tests.nvml.host import Host
from tests.unit.gpu.kernel import Kernel


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is needed to build the stand-in for NVML")
    return stand_in.build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def host(library: Path, tmp_path: Path) -> Host:
    return Host(library, tmp_path)


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path / "sys")
