"""Traits of a host in placement, for flavors and images that ask for them.

=====================================  =====================================
``CUSTOM_LIVEMIG_VGPU_MIGRATABLE``     every GPU here that has vGPUs is known
                                       to be able to migrate them
``CUSTOM_LIVEMIG_DRIVER_570``          branch of a GPU driver here
``CUSTOM_LIVEMIG_GPU_NVIDIA_L40S``     product name of a GPU here
=====================================  =====================================

So ``trait:CUSTOM_LIVEMIG_VGPU_MIGRATABLE=required`` in a flavor boots its
servers only where they can be migrated from. Whatever begins with our prefix
is ours; nobody else's traits are touched (update_provider_tree in
nova/virt/driver.py asks for that).
"""

import re
from collections.abc import Iterable, Iterator

from nova_livemig_gpu.model import GpuDevice, HostFacts

PREFIX = "CUSTOM_LIVEMIG_"
MIGRATABLE = f"{PREFIX}VGPU_MIGRATABLE"

#: placement/schemas/trait.py: 255 characters, upper case, digits, "_".
_LONGEST = 255


def traits(facts: HostFacts) -> set[str]:
    """Return the traits that the facts give a host."""
    found = set()
    with_vgpus = [gpu for gpu in facts.gpus or () if gpu.kind is not None]
    if with_vgpus and all(map(_can_migrate, with_vgpus)):
        found.add(MIGRATABLE)
    for gpu in with_vgpus:
        found.update(_of(gpu))
    return found


def update(existing: Iterable[str], ours: Iterable[str]) -> set[str]:
    """Return all traits: ours as they are now, others as they were."""
    others = {name for name in existing if not name.startswith(PREFIX)}
    return others | set(ours)


def _can_migrate(gpu: GpuDevice) -> bool:
    if gpu.migratable is None:
        return gpu.streaming is True
    return gpu.migratable


def _of(gpu: GpuDevice) -> Iterator[str]:
    if gpu.driver and _name(branch := gpu.driver.partition(".")[0]):
        yield f"{PREFIX}DRIVER_{_name(branch)}"[:_LONGEST]
    if _name(gpu.name):
        yield f"{PREFIX}GPU_{_name(gpu.name)}"[:_LONGEST]


def _name(text: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", text.upper()).strip("_")
