# SPDX-License-Identifier: Apache-2.0
"""The machines' disk: made once, and never written to.

What differs from one lab to the next, or changes often, is laid over it by
the initramfs: see early.py.
"""

import lzma
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from livelab import command
from livelab.errors import LabError
from livelab.vfio import cache, chroot, modules, trees

DISK_MIB = 1500
MAKE_DISK = ("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0")
# What the initramfs needs to find the disk
EARLY = ("virtio_pci", "virtio_blk", "ext4")


@dataclass(frozen=True)
class Image:
    """What is booted; early holds modules, and their order in a file."""

    place: Path

    @property
    def disk(self) -> Path:
        return self.place / "disk.ext4"

    @property
    def kernel(self) -> Path:
        return self.place / "vmlinuz"

    @property
    def early(self) -> Path:
        return self.place / "early"

    @property
    def version(self) -> str:
        """The kernel's, in words."""
        return (self.place / "version").read_text().strip()


def build(cache_dir: Path, logs: Path) -> Image:
    """The image from the cache, or made of nothing: minutes, 2 GiB of disk.

    Raises LabError.
    """
    key = cache.fingerprint(
        *trees.RUN_RECIPE, *modules.KEY, *MAKE_DISK, *EARLY, str(DISK_MIB)
    )

    def make(place: Path) -> None:
        tree = place / "tree"
        tree.mkdir()
        builder = _both_trees(tree, cache_dir, logs)
        _install_modules(tree, builder)
        _take_boot_files(tree, place)
        _make_disk(tree, place / "disk.ext4")
        shutil.rmtree(tree)

    return Image(cache.kept(cache_dir, "image", key, make))


def _both_trees(tree: Path, cache_dir: Path, logs: Path) -> Path:
    """Fill the tree to run, beside it the one to build in; the latter."""
    build_log = logs / "vfio-build-tree.log"
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(
            trees.make_run_tree, tree, logs / "vfio-run-tree.log"
        )
        building = pool.submit(trees.build_tree, cache_dir, build_log)
        running.result()
        builder = building.result()
    version = trees.kernel_version(tree)
    if trees.kernel_version(builder) != version:
        # From the cache, and the mirror has a newer kernel by now.
        trees.forget_build_tree(cache_dir)
        builder = trees.build_tree(cache_dir, build_log)
    if trees.kernel_version(builder) != version:
        raise LabError(f"the mirror has no headers for its kernel {version}")
    return builder


def _install_modules(tree: Path, builder: Path) -> None:
    version = trees.kernel_version(tree)
    updates = tree / "usr/lib/modules" / version / "updates"
    updates.mkdir()
    modules.build_samples(builder, updates)
    chroot.run(tree, f"depmod {version}")


def _take_boot_files(tree: Path, place: Path) -> None:
    version = trees.kernel_version(tree)
    shutil.copy(tree / f"boot/vmlinuz-{version}", place / "vmlinuz")
    (place / "version").write_text(version + "\n")
    early = place / "early"
    early.mkdir()
    shown = chroot.run(
        tree, f"modprobe -a -S {version} --show-depends {' '.join(EARLY)}"
    )
    order: list[str] = []
    for line in shown.splitlines():
        kind, _, path = line.strip().partition(" ")
        source = tree / path.strip().lstrip("/")
        name = source.name.removesuffix(".xz")
        if kind != "insmod" or name in order:
            continue
        data = source.read_bytes()
        packed = source.suffix == ".xz"
        (early / name).write_bytes(lzma.decompress(data) if packed else data)
        order.append(name)
    (early / "order").write_text("".join(f"{name}\n" for name in order))


def _make_disk(tree: Path, disk: Path) -> None:
    # The kernel is booted from outside, and so is its initramfs.
    shutil.rmtree(tree / "boot")
    with disk.open("wb") as file:
        file.truncate(DISK_MIB * 2**20)
    command.run([*MAKE_DISK, "-d", str(tree), str(disk)], timeout=300)
