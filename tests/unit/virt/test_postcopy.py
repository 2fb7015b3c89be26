"""What stands against post-copy before the start."""

from types import SimpleNamespace

import libvirt
import pytest
from nova.compute import vm_states

from nova_livemig_gpu.virt import postcopy

LIVE = libvirt.VIR_MIGRATE_LIVE
PARALLEL = libvirt.VIR_MIGRATE_PARALLEL
TLS = libvirt.VIR_MIGRATE_TLS
DISKS = libvirt.VIR_MIGRATE_NON_SHARED_INC
MDEV = """
<hostdev mode='subsystem' type='mdev'>
  <source><address uuid='u1'/></source>
</hostdev>
"""
VHOST_USER = """
<interface type='vhostuser'>
  <source type='unix' path='/var/run/vhu' mode='server'/>
</interface>
"""


def pages(*sizes):
    listed = "".join(f"<page {size}/>" for size in sizes)
    return f"<memoryBacking><hugepages>{listed}</hugepages></memoryBacking>"


def obstacle(
    flags=LIVE,
    xml="",
    here=(10, 1, 0),
    there=(10, 1, 0),
    vpmems=(),
    **more,
):
    def has_min_version(hv_ver):
        return here >= hv_ver

    driver = SimpleNamespace(
        _get_vpmems=lambda instance: vpmems,
        _host=SimpleNamespace(has_min_version=has_min_version),
    )
    instance = SimpleNamespace(vm_state=more.pop("vm_state", vm_states.ACTIVE))
    whole = f"<domain>{xml}</domain>"
    guest = SimpleNamespace(get_xml_desc=lambda: whole)
    asked = None if there is None else lambda: there or None
    return postcopy.obstacle(
        driver,
        instance,
        guest,
        flags,
        more.pop("file_backed", False),
        asked,
    )


def test_nothing_is_known_against_it():
    assert obstacle() is None
    assert obstacle(LIVE | TLS) is None
    assert obstacle(LIVE | DISKS) is None


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"vm_state": vm_states.PAUSED}, "paused"),
        ({"vpmems": ("pmem0",)}, "persistent memory"),
        ({"xml": f"<devices>{MDEV}</devices>"}, "VFIO"),
        ({"flags": LIVE | libvirt.VIR_MIGRATE_TUNNELLED}, "tunnelled"),
        ({"file_backed": True}, "file_backed_memory"),
        ({"flags": LIVE | TLS | DISKS}, "over TLS"),
    ],
)
def test_obstacles(more, word):
    assert word in (obstacle(**more) or "")


def test_what_qemu_looks_at_itself_is_tried():
    """Whether the backend of a vhost-user interface can do it only QEMU
    knows; where it cannot, the start is refused, and made without."""
    assert obstacle(xml=f"<devices>{VHOST_USER}</devices>") is None


@pytest.mark.parametrize(
    ("xml", "stands"),
    [
        (pages("size='1' unit='G'"), True),
        (pages("size='1' unit='GiB'"), True),
        (pages("size='1048576' unit='KiB'"), True),
        (pages("size='1048576'"), True),
        (pages("size='2048' unit='KiB'", "size='1' unit='G'"), True),
        (pages("size='2' unit='M'"), False),
        (pages("size='2048' unit='KiB' nodeset='0'"), False),
        (pages(), False),
        (pages("size='x' unit='G'", "unit='G'", "size='1' unit='?'"), False),
        ("<memoryBacking><hugepages/></memoryBacking>", False),
        ("<memoryBacking><locked/></memoryBacking>", False),
    ],
)
def test_pages_that_take_too_long_to_wait_for(xml, stands):
    found = obstacle(xml=xml)
    assert ("1 GiB" in (found or "")) is stands


@pytest.mark.parametrize(
    ("here", "there", "word"),
    [
        ((10, 1, 0), (10, 1, 0), None),
        ((11, 0, 0), (10, 2, 1), None),
        ((10, 0, 2), (10, 1, 0), "needs QEMU 10.1"),
        ((10, 1, 0), (10, 0, 2), "destination's is 10.0.2"),
        ((10, 1, 0), (), "destination's is not known"),
        # not chosen yet
        ((10, 1, 0), None, None),
        ((9, 2, 0), None, "needs QEMU 10.1"),
    ],
)
def test_several_connections_need_a_new_qemu_at_both_ends(here, there, word):
    found = obstacle(LIVE | PARALLEL, here=here, there=there)
    assert found is None if word is None else word in found
    assert obstacle(LIVE, here=here, there=there) is None
