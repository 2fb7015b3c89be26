"""GuestCpu from the XML of a running domain.

libvirt starts a server with the CPU that its host gives it (host-model) or
with a named one, and then writes into the domain's XML what QEMU has really
turned on: a model, and which features beyond it are there (``require``) or
of it are not (``disable``). With this very CPU, and no other, libvirt starts
the server at the destination, and ends the migration there if QEMU cannot
turn on a feature (``virCPUx86UpdateLive`` in src/cpu/cpu_x86.c, with
``check='full'``). Which host the server is on meanwhile does not matter, nor
what ``[libvirt] cpu_mode`` says today.

Nothing is compared for ``host-passthrough`` and ``maximum``, without a model,
and with ``check='none'``.
"""

import xml.etree.ElementTree as ET

from nova_livemig_gpu.facts import cpu
from nova_livemig_gpu.model import GuestCpu

_PASSTHROUGH = frozenset({"host-passthrough", "maximum"})


def parse(domain_xml: str) -> tuple[GuestCpu, str | None] | None:
    """Return what a domain tells, and a ``<cpu>`` for the baseline call.

    The features are known only where there is nothing to ask; else
    :func:`nova_livemig_gpu.facts.cpu.features` of the call's answer are
    the missing ones. None: it is no XML of a domain.
    """
    try:
        domain = ET.fromstring(domain_xml)
    except (ET.ParseError, ValueError):
        return None
    server = cpu.text(domain, "uuid")
    if server is None:
        return None
    machine = domain.find("./os/type")
    told = {} if machine is None else machine.attrib
    element = domain.find("./cpu")
    named = _compared(element)
    guest = GuestCpu(
        server=server,
        arch=told.get("arch"),
        virt_type=domain.get("type"),
        machine_type=told.get("machine"),
        vendor=cpu.text(element, "vendor") if named else None,
        features=None if named else frozenset(),
        passthrough=element is not None
        and element.get("mode") in _PASSTHROUGH,
        tsc_hz=_tsc_hz(domain),
    )
    return guest, named


def _compared(element: ET.Element | None) -> str | None:
    """Return the CPU that libvirt holds against a host, if it does."""
    if element is None or element.get("mode") in _PASSTHROUGH:
        return None
    if element.get("check") == "none" or not cpu.text(element, "model"):
        return None
    return cpu.named_cpu_xml(element)


def _tsc_hz(domain: ET.Element) -> int | None:
    timer = domain.find("./clock/timer[@name='tsc']")
    value = "" if timer is None else timer.get("frequency", "")
    return int(value) if value.isascii() and value.isdigit() else None
