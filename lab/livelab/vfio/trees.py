# SPDX-License-Identifier: Apache-2.0
"""Two trees: what the machines run, and what their modules are built in."""

import shutil
from pathlib import Path

from livelab.errors import LabError
from livelab.vfio import cache, debian

RUN = (
    "systemd-sysv",
    "udev",
    "kmod",
    "linux-image-amd64",
    "qemu-system-x86",
    "libvirt-daemon",
    "libvirt-daemon-log",
    "libvirt-daemon-driver-qemu",
    "libvirt-daemon-driver-nodedev",
    "libvirt-clients",
    "python3",
    "iproute2",
    "mdevctl",
    "seabios",
    "procps",
)
# Only unpacked, and so without whatever their scripts would set up
BUILD = (
    "linux-headers-amd64",
    "linux-source",
    "gcc",
    "libc6-dev",
    "make",
    "mawk",
    "bash",
    "dash",
    "coreutils",
    "diffutils",
    "findutils",
    "grep",
    "sed",
    "tar",
    "xz-utils",
)
RUN_RECIPE = debian.recipe("apt", RUN)
BUILD_RECIPE = debian.recipe("extract", BUILD)
# Of the kernel's source, what is built here
SOURCES = ("samples/vfio-mdev", "drivers/vfio", "drivers/iommu/iommufd")


def make_run_tree(tree: Path, log: Path) -> None:
    """Everything the machines run, configured. Raises LabError."""
    debian.make(RUN_RECIPE, tree, log)
    for archive in (tree / "var/cache/apt/archives").glob("*.deb"):
        archive.unlink()


def build_tree(cache_dir: Path, log: Path) -> Path:
    """Compiler, headers and source for modules, from the cache or made."""
    key = cache.fingerprint(*BUILD_RECIPE, *SOURCES)

    def make(tree: Path) -> None:
        debian.make(BUILD_RECIPE, tree, log)
        for archive in (tree / "var/cache/apt/archives").glob("*.deb"):
            archive.unlink()
        (tree / "usr/bin/awk").symlink_to("mawk")
        _unpack_source(tree)

    return cache.kept(cache_dir, "build", key, make)


def forget_build_tree(cache_dir: Path) -> None:
    """The next one will be made anew, with the mirror's kernel of then."""
    for tree in cache_dir.glob("build-*"):
        shutil.rmtree(tree)


def kernel_version(tree: Path) -> str:
    """The one kernel in a tree; raises LabError."""
    names = [path.name for path in (tree / "usr/lib/modules").iterdir()]
    if len(names) != 1:
        raise LabError(f"{tree}: one kernel expected, there are {names}")
    return names[0]


def _unpack_source(tree: Path) -> None:
    """A few directories of the source, and not the archive with the rest."""
    from livelab.vfio import chroot

    (archive,) = (tree / "usr/src").glob("linux-source-*.tar.xz")
    top = archive.name.removesuffix(".tar.xz")
    wanted = " ".join(f"{top}/{name}" for name in SOURCES)
    chroot.run(
        tree,
        f"mkdir -p /src && tar -xJ -C /src --strip-components=1 "
        f"-f /usr/src/{archive.name} {wanted}",
    )
    for rest in (tree / "usr/src").glob("linux-source-*"):
        rest.unlink() if rest.is_file() else None
