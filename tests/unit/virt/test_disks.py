"""What a block migration copies of disks."""

from types import SimpleNamespace

import libvirt
import pytest

from nova_livemig_gpu.virt import disks

GIB = 2**30


class Domain:
    """capacity, allocation, physical of each disk"""

    def __init__(self, **found):
        self.found = found

    def blockInfo(self, device):
        if device not in self.found:
            raise libvirt.libvirtError("no such disk")
        return self.found[device]


def copied(domain, names, block_migration=True):
    driver = SimpleNamespace(
        _live_migration_copy_disk_paths=lambda context, instance, guest: (
            [f"/disks/{name}" for name in names],
            names,
        )
    )
    return disks.copied_bytes(
        driver,
        None,
        None,
        SimpleNamespace(_domain=domain),
        SimpleNamespace(block_migration=block_migration),
    )


def test_what_is_allocated():
    domain = Domain(vda=[20 * GIB, 3 * GIB, 3 * GIB], vdb=[GIB, GIB, GIB])
    assert copied(domain, ["vda", "vdb"]) == 4 * GIB
    assert copied(domain, []) == 0


def test_never_more_than_the_disk():
    assert copied(Domain(vda=[GIB, GIB + 4096, GIB]), ["vda"]) == GIB


def test_shared_storage():
    assert copied(Domain(), ["vda"], block_migration=False) == 0


@pytest.mark.parametrize("answer", [None, [1], ["much", "more", 0]])
def test_unknown_is_none(answer):
    assert copied(Domain(vda=answer), ["vda"]) is None
    assert copied(Domain(), ["vda"]) is None
