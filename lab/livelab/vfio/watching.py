# SPDX-License-Identifier: Apache-2.0
"""The final figures of a migration, from libvirt at its source."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import libvirt

from livelab.vfio.machine import Machine


class Final:
    """What the job's last event told; empty where there was none."""

    def __init__(self) -> None:
        self.stats: dict[str, Any] = {}

    def wait(self, timeout: float = 5) -> dict[str, Any]:
        """The figures, which may come a little after the end."""
        limit = time.monotonic() + timeout
        while not self.stats and time.monotonic() < limit:
            time.sleep(0.1)
        return self.stats


@contextmanager
def final(machine: Machine, uuid: str) -> Iterator[Final]:
    """Listen for one domain's job at its source, inside events.running()."""
    found = Final()
    connection = machine.connect()

    def completed(_: Any, domain: Any, stats: Any, __: Any) -> None:
        if domain.UUIDString() == uuid:
            found.stats = dict(stats)

    callback = connection.domainEventRegisterAny(
        None, libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, completed, None
    )
    try:
        yield found
    finally:
        connection.domainEventDeregisterAny(callback)
        connection.close()
