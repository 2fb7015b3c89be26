# SPDX-License-Identifier: Apache-2.0
"""What libvirt finds out about QEMU, which takes long, kept for next time."""

import io
import tarfile
from pathlib import Path

from livelab.vfio import cache
from livelab.vfio.image import Image
from livelab.vfio.machine import Machine

PLACE = "/var/cache/libvirt/qemu/capabilities"
PROBE = "virsh --connect qemu:///system domcapabilities --virttype qemu"
PROBE_S = 300


def find(cache_dir: Path, image: Image) -> Path | None:
    """The directory with what is known about an image's QEMU, if any."""
    place = cache_dir / f"known-{image.place.name}"
    return place if place.exists() else None


def gain(machine: Machine) -> None:
    """Have libvirt find it out, now rather than at the first guest."""
    machine.run(f"{PROBE} >/dev/null", timeout=PROBE_S)


def keep(machine: Machine, cache_dir: Path, image: Image) -> None:
    """Take it from a machine that has found it out."""

    def make(place: Path) -> None:
        answer = machine.ask(f"tar -c -C {PLACE} .")
        with tarfile.open(fileobj=io.BytesIO(answer.data)) as packed:
            packed.extractall(place, filter="data")

    cache.kept(cache_dir, "known", image.place.name, make)
