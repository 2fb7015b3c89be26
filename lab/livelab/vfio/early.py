# SPDX-License-Identifier: Apache-2.0
"""The machines' initramfs: it finds the disk and lays files over it.

Over the disk go this lab's configuration, the lab's own kernel modules and
libvirt's knowledge of QEMU, which would take it half a minute to find out.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from livelab import cpio
from livelab.errors import LabError
from livelab.guest import BUSYBOX
from livelab.vfio.image import Image

INSIDE = Path(__file__).resolve().parent / "inside"
MODULES = "usr/lib/lab"


def pack(
    image: Image,
    modules: Sequence[Path],
    names: Mapping[str, str],
    capabilities: Path | None,
    place: Path,
) -> None:
    """Write the initramfs; names are addresses by host name.

    capabilities is a directory like libvirt's, or None. Raises LabError.
    """
    if not BUSYBOX.exists():
        raise LabError(f"{BUSYBOX}: missing; install busybox-static")
    files = {
        "init": INSIDE / "early-init",
        "bin/busybox": BUSYBOX,
        **_tree(image.early, "early"),
        **_tree(INSIDE / "over", "over"),
        **{f"over/{MODULES}/{path.name}": path for path in modules},
    }
    if capabilities is not None:
        cached = "over/var/cache/libvirt/qemu/capabilities"
        files |= _tree(capabilities, cached)
    contents = {name: path.read_bytes() for name, path in files.items()}
    contents["over/etc/hosts"] = _hosts(names)
    # All may be executed, nothing is asked; on /root the disk is mounted.
    entries = cpio.tree(contents, "dev", "root")
    entries.append(cpio.character_device("dev/console", 5, 1))
    place.write_bytes(cpio.archive(entries))


def _tree(top: Path, place: str) -> dict[str, Path]:
    return {
        f"{place}/{path.relative_to(top)}": path
        for path in sorted(top.rglob("*"))
        if path.is_file()
    }


def _hosts(names: Mapping[str, str]) -> bytes:
    lines = ["127.0.0.1 localhost"]
    lines += [f"{ip} {name}" for name, ip in names.items()]
    return ("\n".join(lines) + "\n").encode()
