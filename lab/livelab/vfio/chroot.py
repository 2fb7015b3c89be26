# SPDX-License-Identifier: Apache-2.0
"""Run a command in a tree of another Debian."""

import shlex
from pathlib import Path

from livelab import command

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def run(tree: Path, script: str, timeout: float = 600) -> str:
    """The output of a shell's line in the tree; raises LabError.

    /proc and /dev are mounted there for as long as it runs, in a mount
    namespace of its own, so that nothing is left mounted.
    """
    place = shlex.quote(str(tree))
    outside = (
        f"mkdir -p {place}/proc {place}/dev && "
        f"mount -t proc proc {place}/proc && mount --bind /dev {place}/dev && "
        f"exec env -i PATH={PATH} LC_ALL=C.UTF-8 "
        f"chroot {place} sh -ec {shlex.quote(script)}"
    )
    argv = ["unshare", "--mount", "--propagation", "private"]
    done = command.run([*argv, "sh", "-ec", outside], timeout=timeout)
    return done.stdout
