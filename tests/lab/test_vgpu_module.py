# SPDX-License-Identifier: Apache-2.0
"""The test vGPU, a kernel module, in a kernel booted for it alone."""

import re
import shutil

import pytest
from livelab import guest, paths
from livelab.vfio import selftest

TOOLS = ("mmdebstrap", "mke2fs", "debugfs", "cpio", "xz", "gcc")


def _missing() -> list[str]:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if not guest.BUSYBOX.exists():
        missing.append(str(guest.BUSYBOX))
    return missing


@pytest.mark.lab
@pytest.mark.skipif(
    bool(_missing()),
    reason=f"the module's self-test needs {', '.join(_missing())}; "
    "LIVEMIG_LAB_VFIO=1 lab/bootstrap installs packages",
)
def test_every_state_stream_and_fault_through_vfio() -> None:
    state = paths.state_dir()
    said = selftest.run(paths.cache_dir(state) / "vfio", paths.log_dir(state))
    checks = re.search(r"^(\d+) checks, 0 failed$", said, re.MULTILINE)
    assert checks is not None, said
    assert int(checks[1]) > 1000
    assert "SKIPPED" not in said
    assert "SELFTEST PASSED" in said.splitlines()
