# SPDX-License-Identifier: Apache-2.0
"""A migration between the machines by this project's own loop.

All of the driver that is below Nova's manager is real: plan, Nova's Guest,
job, loop, policy, libvirt, QEMU.
"""

from dataclasses import dataclass
from typing import Any

from nova.virt.libvirt import guest as libvirt_guest

from livelab.predicting import journey
from livelab.vfio import mdev
from livelab.vfio.guest import MdevGuest
from livelab.vfio.machine import Machine
from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.policies.base import Policy
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.virt.completed import CompletedStats


@dataclass(frozen=True)
class Steered:
    """How it went; stats are libvirt's final ones, as is the error.

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
    end, record, errors = journey.run(
        policy,
        nova_guest,
        target.uri,
        migrate_uri=f"tcp://{target.ip}",
        destination_xml=guest.xml(device),
        flags=journey.FLAGS | flags,
    )
    error = str(errors[0]) if errors else None
    stats = journey.final_stats(completed)
    completed.close()
    connection.close()
    unused = _change_device(guest, source, target, device, error)
    if unused is not None and not keep:
        mdev.remove(*unused)
    return Steered(end, record, stats, error, unused)


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
