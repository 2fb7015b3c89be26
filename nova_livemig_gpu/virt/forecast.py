"""A migration predicted on its source, before it starts.

What memory, bandwidth, curve and errors rest on, and what stands for them
where they are unknown: see ``history.outlook``, which the command asks as
well. Besides:

disk        what block migration copies (``virt.disks``); none, and the
            forecast says so
overhead    what is kept free of the budget
stun        framebuffer in use now by NVML; the vGPU type's; no stun, and the
            record says so. The link is the slower one of both hosts, as far
            as they are known
mode        what the policy will do, see ``virt.likely``

Nothing here raises. What fails is unknown, said once in the log.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import libvirt
from oslo_log import log as logging

from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.history import outlook
from nova_livemig_gpu.history.outlook import Outlook
from nova_livemig_gpu.history.store import History
from nova_livemig_gpu.model import GuestMemory, Stun
from nova_livemig_gpu.prediction import stun as stuns
from nova_livemig_gpu.prediction.asked import Transport, Workload
from nova_livemig_gpu.virt import inquiry, likely, measuring
from nova_livemig_gpu.virt.foreseen import Asked, Foreseen

LOG = logging.getLogger(__name__)


class Forecaster:
    """Predicts on one host."""

    def __init__(
        self,
        history: History | None,
        vgpus: Callable[[str], tuple[stuns.VgpuUse, ...]],
    ) -> None:
        """:param history: None: nothing is remembered

        :param vgpus: those of a server, by its UUID
        """
        self._history = history
        self._vgpus = vgpus

    def foresee(
        self, options: Options, guest: Any, connection: Any, asked: Asked
    ) -> Foreseen:
        """Predict; takes ``dirty_rate_seconds`` and little more. Never
        raises."""
        try:
            return self._foresee(options, guest._domain, connection, asked)
        except Exception as exc:
            LOG.exception(
                "No forecast for this live migration",
                instance_uuid=asked.server,
            )
            return Foreseen(why=f"{type(exc).__name__}: {exc}")

    def stun(self, options: Options, guest: Any, asked: Asked) -> Stun | None:
        """Return what the devices will cost; None: unknown, or no device.
        Never raises."""
        if options.predict == "off":
            return None
        try:
            return self._devices(guest._domain, asked).stun
        except Exception:
            LOG.exception(
                "The stun of this server is unknown",
                instance_uuid=asked.server,
            )
            return None

    def _foresee(
        self, options: Options, domain: Any, connection: Any, asked: Asked
    ) -> Foreseen:
        if options.predict == "off":
            return Foreseen(why="predict is off")
        known = Outlook(self._history)
        resident = _resident(domain, asked.memory_mb * 2**20)
        memory = known.memory(asked.server, resident)
        way = known.way(asked.route)
        seen = measuring.look(
            options,
            domain,
            connection,
            known.past(asked.server),
            memory.pages,
            way.transport,
        )
        found = replace(
            self._devices(domain, asked),
            memory=memory.pages,
            resident_bytes=resident.normal_bytes,
            curve=outlook.curve_of(seen.points, memory.pages),
            seen=seen.points,
            measured_s=seen.seconds,
            cpu_share=seen.cpu_share,
            rests_on=(
                memory.rests_on,
                way.rests_on,
                outlook.rests_on_curve(seen.points),
                *_of_disk(asked.disk_bytes),
            ),
        )
        stun = outlook.rests_on_stun(found.stun)
        found = replace(found, rests_on=(*found.rests_on, *stun))
        if found.why is not None:
            return found
        if way.transport is None:
            return replace(found, why=way.rests_on)
        return _predicted(known, found, way.transport, asked)

    def _devices(self, domain: Any, asked: Asked) -> Foreseen:
        if not asked.around.vfio:
            return Foreseen()
        vgpus = stuns.over(self._vgpus(asked.server), asked.link_mbps)
        if inquiry.vfio_devices(domain.XMLDesc(0)) > len(vgpus):
            return Foreseen(
                vgpus=vgpus, why="of a VFIO device of it nothing is known"
            )
        stun = self.stun_of(vgpus)
        why = None if stun else "the framebuffer of a vGPU is unknown"
        return Foreseen(stun=stun, vgpus=vgpus, why=why)

    def stun_of(self, vgpus: Sequence[stuns.VgpuUse]) -> Stun | None:
        """Return the stun of all these vGPUs; None: unknown."""
        return Outlook(self._history).stun(vgpus)


def _predicted(
    known: Outlook, found: Foreseen, transport: Transport, asked: Asked
) -> Foreseen:
    assert found.memory is not None
    disk_bytes = asked.disk_bytes or 0.0
    load = Workload(found.memory, found.curve, disk_bytes, found.stun)
    way = (transport, asked.limit_ms, asked.budget, asked.around)
    given = likely.predict(load, *way)
    throttle = None
    if not given.converges:
        throttle = likely.throttle_percent(load, *way, found.cpu_share)
    return replace(
        found, prediction=known.corrected(given), throttle_percent=throttle
    )


def _of_disk(disk_bytes: float | None) -> tuple[str, ...]:
    if disk_bytes is None:
        return ("disk: unknown, and left out",)
    if disk_bytes == 0:
        return ()
    return (f"disk: {disk_bytes / 2**20:,.0f} MiB allocated",)


def _resident(domain: Any, total_bytes: int) -> GuestMemory:
    """Pages that QEMU has resident, as if none of them were zero."""
    touched = total_bytes
    try:
        rss_kib = domain.memoryStats().get("rss")
    except (libvirt.libvirtError, AttributeError) as exc:
        LOG.debug("The resident memory of the server is unknown: %s", exc)
    else:
        if isinstance(rss_kib, int) and rss_kib > 0:
            touched = rss_kib * 1024
    return inquiry.memory(total_bytes, touched)
