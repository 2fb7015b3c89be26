# SPDX-License-Identifier: Apache-2.0
"""A migration between the machines by this project's own loop.

All of the driver that is below Nova's manager is real: plan, Nova's Guest,
job, loop, policy, libvirt, QEMU.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import libvirt
from nova.virt.libvirt import guest as libvirt_guest

from livelab.vfio import mdev
from livelab.vfio.guest import MdevGuest
from livelab.vfio.machine import Machine
from nova_livemig_gpu.migration.loop import Clock, SteeringLoop
from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.policies.base import Policy
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.virt.completed import CompletedStats
from nova_livemig_gpu.virt.job import NovaJob
from nova_livemig_gpu.virt.proxies import PlannedGuest

FLAGS = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER
POLL_S = 0.25


@dataclass(frozen=True)
class Steered:
    """How it went; stats are QEMU's final ones, error libvirt's.

    unused is the device that no guest has any more, and in which machine.
    """

    end: Progress
    record: Record
    stats: dict[str, Any] | None
    error: str | None
    unused: tuple[Machine, str] | None = None

    @property
    def codes(self) -> list[str]:
        """The codes of the loop's decisions, in order."""
        return [str(each["code"]) for each in self.record.decisions]


def move(
    guest: MdevGuest,
    source: Machine,
    target: Machine,
    policy: Policy,
    flags: int = 0,
    *,
    keep: bool = False,
) -> Steered:
    """Migrate a guest, with a new device at the target.

    The device that is not in use any more is removed, unless it is to be
    kept for a look. Needs events.running(). Raises LabError.
    """
    device = guest.prepare(target)
    connection = source.connect()
    nova_guest = libvirt_guest.Guest(connection.lookupByName(guest.name))
    completed = CompletedStats(connection, nova_guest.uuid)
    completed.listen()
    started = _Operation(nova_guest, policy, target, guest.xml(device), flags)
    end, record = started.steer(policy)
    stats = _wait_for(completed)
    completed.close()
    connection.close()
    unused = _change_device(guest, source, target, device, started.error)
    if unused is not None and not keep:
        mdev.remove(*unused)
    return Steered(end, record, stats, started.error, unused)


class _Operation:
    """Nova's operation thread, and its monitor."""

    def __init__(
        self,
        guest: Any,
        policy: Policy,
        target: Machine,
        xml: str,
        flags: int,
    ) -> None:
        self.error: str | None = None
        self._guest = guest
        self._plan = policy.plan()
        arguments = {
            "migrate_uri": f"tcp://{target.ip}",
            "destination_xml": xml,
            "flags": FLAGS | flags,
        }
        self._thread = threading.Thread(
            target=self._migrate, args=(target.uri, arguments)
        )

    def steer(self, policy: Policy) -> tuple[Progress, Record]:
        """Start it, and steer it to its end."""
        self._thread.start()
        instance = SimpleNamespace(uuid=self._guest.uuid, save=lambda: None)
        job = NovaJob(
            SimpleNamespace(active_migrations={self._guest.uuid: deque()}),
            self._guest,
            instance,
            SimpleNamespace(status="running", save=lambda: None),
            self._plan,
            lambda: not self._thread.is_alive(),
            deque(),
            5,
        )
        record = Record(None, {})
        end = SteeringLoop(
            job,
            policy,
            self._plan,
            record,
            Clock(),
            POLL_S,
            self._guest.uuid,
        ).run()
        self._thread.join(60)
        return end, record

    def _migrate(self, uri: str, arguments: dict[str, Any]) -> None:
        try:
            PlannedGuest(self._guest, self._plan).migrate(uri, **arguments)
        except libvirt.libvirtError as error:
            self.error = str(error)


def _wait_for(completed: CompletedStats) -> dict[str, Any] | None:
    limit = time.monotonic() + 5
    while completed.get() is None and time.monotonic() < limit:
        time.sleep(0.1)
    return completed.get()


def _change_device(
    guest: MdevGuest,
    source: Machine,
    target: Machine,
    device: str | None,
    error: str | None,
) -> tuple[Machine, str] | None:
    """The device that is not in use any more."""
    if device is None or guest.device is None:
        return None
    if error is not None:
        return target, device
    left, guest.device = guest.device, device
    return source, left
