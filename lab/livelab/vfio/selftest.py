# SPDX-License-Identifier: Apache-2.0
"""The test vGPU's self-test, with the image's kernel and modules.

It boots a kernel of its own and needs neither the lab's machines nor its
network: see lab/vgpu/selftest/run.
"""

import tempfile
from pathlib import Path

from livelab import command
from livelab.errors import LabError
from livelab.vfio import image, modules, trees
from livelab.vfio.image import Image

RUN = modules.VGPU / "selftest/run"
BOOT_S = 300


def run(cache_dir: Path, logs: Path) -> str:
    """Build the module, test it; what the test said. Raises LabError."""
    disk = image.build(cache_dir, logs)
    log = logs / "vfio-build-tree.log"
    built = modules.build_vgpu(cache_dir, log)
    if not built:
        raise LabError(f"no *.c in {modules.VGPU}")
    uapi = trees.build_tree(cache_dir, log) / "usr/include/linux/vfio.h"
    with tempfile.TemporaryDirectory() as scratch:
        _take_modules(disk, Path(scratch))
        done = command.run(
            [
                *(str(RUN), "--kernel", str(disk.kernel)),
                *("--modules", scratch, "--vgpu", str(built[0])),
                *("--uapi", str(uapi)),
            ],
            check=False,
            timeout=BOOT_S,
        )
    if done.returncode:
        raise LabError(f"{RUN}: failed\n{done.stdout}{done.stderr}")
    return done.stdout


def _take_modules(disk: Image, into: Path) -> None:
    """The image's vfio modules; the ones built anew are in updates/."""
    place = f"/usr/lib/modules/{disk.version}"
    for name in ("kernel/drivers/vfio", "updates"):
        command.run(
            ["debugfs", "-R", f"rdump {place}/{name} {into}", str(disk.disk)],
            timeout=60,
        )
