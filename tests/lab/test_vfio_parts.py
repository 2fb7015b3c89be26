# SPDX-License-Identifier: Apache-2.0
"""What the VFIO lab does before any machine runs; no root is needed."""

import os
import shutil
import struct
from pathlib import Path

import pytest
from livelab import paths
from livelab.hosts import CONTROLLER, Host
from livelab.vfio import cache, debian, early, sector
from livelab.vfio.image import Image
from livelab.vfio.machine import MACHINE1, MACHINE2, Machine
from livelab.vfio.sector import Load

BACKPORTS = "http://one/debian/ Debian Backports Debian Backports"
SECURITY = "http://one/debian-security/ Debian Debian-Security"
DEBIAN = "http://two/debian/ Debian Debian"


def test_mirror_is_the_one_of_debian_itself() -> None:
    lines = [BACKPORTS, SECURITY, "http://x/ Docker Docker CE", DEBIAN]
    assert debian.pick("\n".join(lines)) == "http://two/debian/"


@pytest.mark.parametrize("text", ["", "\n", BACKPORTS, SECURITY, "http://x/"])
def test_no_mirror_is_none(text: str) -> None:
    assert debian.pick(text) is None


def test_fingerprint_is_of_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    file = tmp_path / "tree" / "a.c"
    file.write_text("one")
    first = cache.fingerprint("recipe", tmp_path / "tree")
    assert cache.fingerprint("recipe", tmp_path / "tree") == first
    assert cache.fingerprint("recipes", tmp_path / "tree") != first
    file.write_text("two")
    second = cache.fingerprint("recipe", tmp_path / "tree")
    file.rename(tmp_path / "tree" / "b.c")
    third = cache.fingerprint("recipe", tmp_path / "tree")
    assert len({first, second, third}) == 3


def test_texts_do_not_run_together() -> None:
    assert cache.fingerprint("ab", "c") != cache.fingerprint("a", "bc")


def test_kept_is_made_once_and_replaces_older_ones(tmp_path: Path) -> None:
    made = []

    def make(place: Path) -> None:
        made.append(place)
        (place / "it").write_text("whole")

    one = cache.kept(tmp_path, "image", "1", make)
    assert cache.kept(tmp_path, "image", "1", make) == one
    assert len(made) == 1
    other = cache.kept(tmp_path, "other", "1", make)
    two = cache.kept(tmp_path, "image", "2", make)
    assert (two / "it").read_text() == "whole"
    assert not one.exists()
    assert other.exists()


def test_a_failure_leaves_nothing_in_the_cache(tmp_path: Path) -> None:
    def fail(place: Path) -> None:
        (place / "half").write_text("")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        cache.kept(tmp_path, "image", "1", fail)
    assert not (tmp_path / "image-1").exists()
    # What the failure left is removed by the next attempt.
    cache.kept(tmp_path, "image", "1", lambda place: None)
    assert [path.name for path in tmp_path.glob("image-*")] == ["image-1"]


needs_binutils = pytest.mark.skipif(
    not (shutil.which("as") and shutil.which("ld")),
    reason="missing: as, ld; install binutils",
)


@needs_binutils
@pytest.mark.parametrize(
    ("load", "fields"),
    [
        # 2 MiB/s are 28.1 pages in a tick, 16 MiB/s 225
        (Load(4, 2, 16), (8 << 20, 24 << 20, 29, 225)),
        (Load(), (4 << 20, 4 << 20, 0, 0)),
        (Load(ws_mib=4), (8 << 20, 8 << 20, 0, 0)),
        (Load(fill_mib=16, rate_mib_s=9), (4 << 20, 20 << 20, 0, 225)),
    ],
)
def test_sector_is_told_its_load(
    load: Load, fields: tuple[int, int, int, int]
) -> None:
    disk = sector.disk(load)
    assert len(disk) == sector.DISK_BYTES
    assert struct.unpack_from("<4I", disk, sector.FIELDS) == fields
    assert disk[510:512] == b"\x55\xaa"
    # Glance wants an entry in the table of partitions.
    assert disk[446] == 0x80


def _image(place: Path) -> Image:
    (place / "early").mkdir()
    (place / "early" / "ext4.ko").write_bytes(b"module")
    (place / "early" / "order").write_text("ext4.ko\n")
    return Image(place)


def test_initramfs_holds_what_is_laid_over_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early, "BUSYBOX", Path("/bin/sh"))
    module = tmp_path / "testvgpu.ko"
    module.write_bytes(b"its code")
    known = tmp_path / "known"
    known.mkdir()
    (known / "qemu.xml").write_text("<qemuCaps/>")
    names = {"hv1": "10.78.0.11", "compute1": "10.78.0.1"}
    packed = tmp_path / "initramfs"
    early.pack(_image(tmp_path), [module], names, known, packed)
    data = packed.read_bytes()
    for text in (
        b"early/ext4.ko\0",
        b"over/usr/lib/lab/testvgpu.ko\0",
        b"over/usr/sbin/lab-init\0",
        b"over/var/cache/libvirt/qemu/capabilities/qemu.xml\0",
        b"10.78.0.11 hv1\n",
        b"its code",
    ):
        assert text in data
    assert data.index(b"over\0") < data.index(b"over/usr\0")


def test_links_of_machines_fit_and_differ(tmp_path: Path) -> None:
    names = []
    for state in (Path(paths.DEFAULT), tmp_path):
        via = Host(CONTROLLER, state)
        machines = [Machine(spec, via) for spec in (MACHINE1, MACHINE2)]
        names += [via.link, *(machine.link for machine in machines)]
    assert len(set(names)) == 6
    assert all(len(os.fsencode(name)) <= 15 for name in names)
