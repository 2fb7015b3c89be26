import pytest

from nova_livemig_gpu.virt.devices import (
    VfioDevice,
    kinds,
    machine_version,
    vfio_devices,
)

MDEV = """
<hostdev mode='subsystem' type='mdev' managed='no' model='vfio-pci'>
  <source><address uuid='c0b1a2d3-0000-4000-8000-000000000001'/></source>
  <address type='pci' domain='0x0000' bus='0x06' slot='0x00' function='0x0'/>
</hostdev>"""
VF = """
<hostdev mode='subsystem' type='pci' managed='no'>
  <source>
    <address domain='0x0000' bus='0x3b' slot='0x00' function='0x4'/>
  </source>
</hostdev>"""
USB = """
<hostdev mode='subsystem' type='usb'>
  <source><vendor id='0x1234'/><product id='0xbeef'/></source>
</hostdev>"""
SCSI = "<hostdev mode='subsystem' type='scsi'><source/></hostdev>"
VIF = """
<interface type='hostdev'>
  <source><address type='pci' bus='0x3b' slot='0x02' function='0x1'/></source>
</interface>"""


def domain(*devices, machine="pc-q35-10.0"):
    return (
        f"<domain><os><type arch='x86_64' machine='{machine}'>hvm</type></os>"
        f"<devices>{''.join(devices)}</devices></domain>"
    )


def test_mdevs_and_vfs_are_vfio_devices():
    assert vfio_devices(domain(MDEV, VF)) == (
        VfioDevice("mdev", "c0b1a2d3-0000-4000-8000-000000000001"),
        VfioDevice("vf", "0000:3b:00.4"),
    )


@pytest.mark.parametrize("other", [USB, SCSI, VIF, "", "<disk/>"])
def test_what_is_not_vfio(other):
    assert vfio_devices(domain(other)) == ()


@pytest.mark.parametrize(
    "broken",
    [
        "<hostdev type='pci'/>",
        "<hostdev type='mdev'><source/></hostdev>",
        "<hostdev type='mdev'><source><address/></source></hostdev>",
        "<hostdev type='pci'><source><address bus='x'/></source></hostdev>",
    ],
)
def test_a_device_without_its_address_is_still_there(broken):
    (device,) = vfio_devices(domain(broken))
    assert device.address == "unknown"


@pytest.mark.parametrize(
    ("machine", "version"),
    [
        ("pc-q35-10.0", (10, 0)),
        ("pc-i440fx-8.2", (8, 2)),
        ("virt-10.1", (10, 1)),
        ("pc-q35-rhel9.6.0", None),
        ("pc-q35-noble", None),
        ("q35", None),
        ("", None),
    ],
)
def test_the_machine_type_tells_the_version_of_qemu(machine, version):
    assert machine_version(domain(machine=machine)) == version


def test_no_machine_type():
    assert machine_version("<domain/>") is None


def test_kinds():
    devices = vfio_devices(domain(MDEV, VF, MDEV))
    assert kinds(devices) == "2 mdev, 1 vf"
    assert kinds(()) == ""
