"""The dirty curve that a forecast rests on: remembered, and measured now.

With ``predict = measure`` the dirty rate of the server is measured for
``dirty_rate_seconds``, unless past migrations of the same server showed
enough within ``dirty_rate_fresh_seconds`` (``prediction.fresh``).
"""

import time
from dataclasses import dataclass
from typing import Any

import libvirt

from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.model import GuestMemory
from nova_livemig_gpu.prediction import fresh, passes
from nova_livemig_gpu.prediction.asked import Transport
from nova_livemig_gpu.prediction.merge import Observed
from nova_livemig_gpu.virt import dirtyrate, inquiry, vcpus
from nova_livemig_gpu.virt.gauges import Gauge, LibvirtGauge, MonitorGauge


@dataclass(frozen=True)
class Measured:
    """Points of the dirty curve; how long measuring them took.

    :ivar cpu_share: how busy it was meanwhile (``virt.vcpus``); None:
        unknown
    """

    points: tuple[Observed, ...]
    seconds: float = 0.0
    cpu_share: float | None = None


def look(
    options: Options,
    domain: Any,
    connection: Any,
    past: tuple[Observed, ...],
    memory: GuestMemory,
    transport: Transport | None,
) -> Measured:
    """Return what is known of the curve, measured where that is wanted.

    :param past: what is remembered
    :param transport: None: the duration of the first pass is unknown
    """
    if options.predict != "measure":
        return Measured(past)
    if fresh.enough(past, options.dirty_rate_fresh_seconds):
        return Measured(past)
    return measure(options, domain, connection, past, memory, transport)


def measure(
    options: Options,
    domain: Any,
    connection: Any,
    past: tuple[Observed, ...],
    memory: GuestMemory,
    transport: Transport | None,
) -> Measured:
    """Measure for ``dirty_rate_seconds``, whatever is remembered."""
    first_s = None
    if transport is not None:
        first_s = passes.first_bytes(memory) / transport.memory_bps
    pages = memory.normal_pages + memory.zero_pages
    begin_s, ran = time.monotonic(), vcpus.times_s(domain)
    now = dirtyrate.measure(
        domain,
        _gauge(options, domain, connection),
        options.dirty_rate_seconds,
        round(pages * memory.page_size_bytes),
        first_s,
    )
    seconds = time.monotonic() - begin_s
    share = vcpus.busy_share(ran, vcpus.times_s(domain), seconds)
    return Measured(past + now, seconds, share)


def by_hand(
    options: Options,
    server: str,
    past: tuple[Observed, ...],
    memory: GuestMemory,
    transport: Transport | None,
    uri: str = inquiry.URI,
) -> Measured:
    """Measure a running server of this host, for a command.

    :raises ServerUnknown: no libvirt, no such server, or nothing could be
        measured: it is migrating, say
    """
    try:
        connection = libvirt.open(uri)
    except libvirt.libvirtError as exc:
        raise inquiry.ServerUnknown(
            server=server, reason=f"libvirt at {uri}: {exc}"
        ) from exc
    try:
        domain = connection.lookupByUUIDString(server)
        found = measure(options, domain, connection, past, memory, transport)
    except libvirt.libvirtError as exc:
        raise inquiry.ServerUnknown(server=server, reason=exc) from exc
    finally:
        connection.close()
    if len(found.points) == len(past):
        raise inquiry.ServerUnknown(
            server=server,
            reason="its dirty rate cannot be measured: it has a job under "
            "way, such as a migration, or libvirt or QEMU refuses",
        )
    return found


def _gauge(options: Options, domain: Any, connection: Any) -> Gauge:
    if options.dirty_rate_gauge == "monitor":
        return MonitorGauge(domain)
    return LibvirtGauge(domain, connection)
