# SPDX-License-Identifier: Apache-2.0
"""The kernel modules of the machines, built in the build tree.

* mtty: the kernel's own sample of a mediated device that migrates.
* vfio: rebuilt, unchanged, for one answer more. Debian's kernel has no
  IOMMUFD, and so a vfio.ko without the bitmap of written pages, and QEMU
  migrates no device that cannot report those.
* Whatever lies in lab/vgpu as *.c, with a Kbuild that names it.
"""

import shutil
from pathlib import Path

from livelab.errors import LabError
from livelab.vfio import cache, chroot, trees

VGPU = Path(__file__).resolve().parents[2] / "vgpu"
MTTY_KBUILD = "obj-m := mtty.o\n"
VFIO_KBUILD = """\
obj-m := vfio.o
vfio-y := vfio_main.o group.o container.o virqfd.o iova_bitmap.o
ccflags-y += -DCONFIG_IOMMUFD_DRIVER=1
"""
VFIO_FILES = ("vfio_main.c", "group.c", "container.c", "virqfd.c", "vfio.h")
BITMAP = "drivers/iommu/iommufd/iova_bitmap.c"
KEY = (MTTY_KBUILD, VFIO_KBUILD, *VFIO_FILES, BITMAP)


def build_samples(tree: Path, into: Path) -> None:
    """mtty.ko and vfio.ko, into a directory; raises LabError."""
    source = tree / "src"
    sample = source / "samples/vfio-mdev/mtty.c"
    vfio = [source / "drivers/vfio" / name for name in VFIO_FILES]
    _build(tree, "mtty", MTTY_KBUILD, [sample], into)
    _build(tree, "vfio", VFIO_KBUILD, [*vfio, source / BITMAP], into)


def vgpu_sources() -> list[Path]:
    """The files of the lab's own module; empty when there is none."""
    return sorted(path for path in VGPU.glob("*") if path.is_file())


def build_vgpu(cache_dir: Path, log: Path) -> list[Path]:
    """The lab's own modules, from the cache or built; raises LabError."""
    sources = vgpu_sources()
    if not any(path.suffix == ".c" for path in sources):
        return []
    tree = trees.build_tree(cache_dir, log)
    key = cache.fingerprint(trees.kernel_version(tree), *sources)

    def make(place: Path) -> None:
        _build(tree, "vgpu", None, sources, place)

    return sorted(cache.kept(cache_dir, "vgpu", key, make).glob("*.ko"))


def _build(
    tree: Path, name: str, kbuild: str | None, files: list[Path], into: Path
) -> None:
    """Build one directory of sources; the modules without debug data."""
    work = tree / "src/modules" / name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for file in files:
        shutil.copy(file, work)
    if kbuild is not None:
        (work / "Kbuild").write_text(kbuild)
    version = trees.kernel_version(tree)
    chroot.run(
        tree,
        f"make -C /lib/modules/{version}/build M=/src/modules/{name} modules"
        f" && strip -g /src/modules/{name}/*.ko",
    )
    built = list(work.glob("*.ko"))
    if not built:
        raise LabError(f"{name}: no module came out of {files}")
    for module in built:
        shutil.copy(module, into)
