# SPDX-License-Identifier: Apache-2.0
"""Real starts of migrations that can be switched to post-copy."""

import time

import libvirt
import pytest
from livelab.hosts import Network
from livelab.libvirtd import Libvirtd
from livelab.plainguest import PlainGuest, Running
from livelab.predicting import journey
from nova.virt.libvirt import guest as libvirt_guest

from nova_livemig_gpu.model import StartPlan
from nova_livemig_gpu.virt.proxies import PlannedGuest

LOAD = {"ws": 16, "rate": 4, "fill": 16, "sweep": 16}
POSTCOPY = StartPlan(True, False, 48, None, postcopy_mib_s=7)
PRECOPY = StartPlan(False, False, 48, None)

pytestmark = pytest.mark.lab


class FileBackedGuest(PlainGuest):
    """Its memory is a file on a disk, which post-copy cannot fill."""

    def xml(self) -> str:
        backing = "<memoryBacking><source type='file'/></memoryBacking>"
        return super().xml().replace("<vcpu>", f"{backing}<vcpu>")


def test_what_qemu_refuses_for_postcopy_is_started_without(
    network: Network, libvirtds: tuple[Libvirtd, Libvirtd]
) -> None:
    """As on a destination without userfaultfd, which is looked at in the
    same place."""
    source, target = libvirtds
    name, told = "filebacked", []

    def without_postcopy(reason: str) -> StartPlan:
        told.append(reason)
        return PRECOPY

    plain = FileBackedGuest(name, LOAD, memory_mib=128, state=network.state)
    with Running(plain, source, target):
        plain.wait_for("^READY")
        connection = libvirt.open(source.socket_uri)
        guest = libvirt_guest.Guest(connection.lookupByName(name))
        PlannedGuest(
            guest, POSTCOPY, without_postcopy=without_postcopy
        ).migrate(target.uri, flags=journey.FLAGS)
        assert connection.listAllDomains() == []
        connection.close()
        plain.wait_sweep()
    (reason,) = told
    assert "Postcopy is not supported" in reason


def test_postcopy_is_told_its_limit(
    network: Network, libvirtds: tuple[Libvirtd, Libvirtd]
) -> None:
    source, target = libvirtds
    name = "limited"
    plain = PlainGuest(name, LOAD, memory_mib=128, state=network.state)
    for libvirtd in libvirtds:
        libvirtd.host.shape(50)
    with Running(plain, source, target):
        plain.wait_for("^READY")
        connection = libvirt.open(source.socket_uri)
        guest = libvirt_guest.Guest(connection.lookupByName(name))
        started = journey.start(POSTCOPY, guest, target.uri)
        limit = time.monotonic() + 30
        mib_s = 0
        while mib_s != POSTCOPY.postcopy_mib_s and time.monotonic() < limit:
            time.sleep(0.1)
            mib_s = guest._domain.migrateGetMaxSpeed(
                libvirt.VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY
            )
        guest.abort_job()
        started.thread.join(30)
        connection.close()
    for libvirtd in libvirtds:
        libvirtd.host.shape(None)
    assert mib_s == POSTCOPY.postcopy_mib_s
