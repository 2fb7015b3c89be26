"""CpuFacts from the XML texts of libvirt.

Three texts, the second and third optional:

* host capabilities, ``virConnectGetCapabilities``: vendor, model, the time
  stamp counter. It lists only features beyond those the model implies.
* domain capabilities, ``virConnectGetDomainCapabilities``: the CPU that a
  server with ``cpu_mode = host-model`` gets, and the named models. Where it
  tells a vendor and a model, these count: the CPU of an emulated server
  (``virt_type = qemu``) has nothing of the host's.
* that host-model CPU with every feature spelled out. Only libvirt knows what
  a model implies; ask it with ``virConnectBaselineHypervisorCPU(emulator,
  arch, machine, virttype, [host_model_xml(domain capabilities)],
  VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES)``. Nova's own
  ``Host.get_capabilities`` (nova/virt/libvirt/host.py) does the like with
  ``baselineCPU`` for the host CPU: ``_caps.host.cpu.features``.

Without the third text the features that a model implies are unknown, so
``features`` is left empty: half a list would pass hosts that lack the rest.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator

from nova_livemig_gpu.model import CpuFacts


def parse(
    capabilities: str,
    domain_capabilities: str | None = None,
    expanded_cpu: str | None = None,
) -> CpuFacts | None:
    """Return the facts; None where libvirt does not know the CPU.

    :param expanded_cpu: what the baseline call has returned, see above
    """
    host = _root(capabilities)
    cpu = None if host is None else host.find("./host/cpu")
    if cpu is None:
        return None
    counter = cpu.find("./counter[@name='tsc']")
    domain = _root(domain_capabilities)
    mode = _host_model(domain)
    return CpuFacts(
        vendor=text(mode, "vendor") or text(cpu, "vendor"),
        model=text(mode, "model") or text(cpu, "model"),
        features=features(expanded_cpu),
        tsc_hz=_whole(counter, "frequency"),
        tsc_scaling=_truth(counter, "scaling"),
        models=_models(domain),
        arch=text(cpu, "arch"),
        virt_type=text(domain, "domain"),
    )


def features(expanded_cpu: str | None) -> frozenset[str]:
    """Return the features that a ``<cpu>`` lists as there; empty where it
    cannot be read."""
    cpu = _root(expanded_cpu)
    if cpu is None:
        return frozenset()
    return frozenset(
        name
        for each in cpu.iter("feature")
        if (name := each.get("name"))
        and each.get("policy", "require") in ("require", "force")
    )


def machine_types(capabilities: str, arch: str) -> tuple[str, ...]:
    """Return libvirt's machine types for hvm servers, sorted.

    :param arch: libvirt's name, "x86_64"
    """
    found: set[str] = set()
    for machine in _machines(_root(capabilities), arch):
        names = (machine.text, machine.get("canonical"))
        found.update(name.strip() for name in names if name)
    return tuple(sorted(found))


def host_model_xml(domain_capabilities: str) -> str | None:
    """Return the host-model CPU as a ``<cpu>`` for the baseline call."""
    mode = _host_model(_root(domain_capabilities))
    return None if mode is None else named_cpu_xml(mode)


def named_cpu_xml(cpu: ET.Element) -> str:
    """Return model and features of a CPU as a ``<cpu>`` for the baseline
    call, equal for equal ones."""
    named = ET.Element("cpu", {"mode": "custom", "match": "exact"})
    for tag in ("model", "vendor", "feature"):
        for each in cpu.findall(tag):
            part = ET.SubElement(named, tag, each.attrib)
            part.text = (each.text or "").strip() or None
    return ET.tostring(named, encoding="unicode")


def _host_model(domain: ET.Element | None) -> ET.Element | None:
    if domain is None:
        return None
    return domain.find("./cpu/mode[@name='host-model'][@supported='yes']")


def _root(xml: str | None) -> ET.Element | None:
    if xml is None:
        return None
    try:
        return ET.fromstring(xml)
    except (ET.ParseError, ValueError):
        return None


def text(element: ET.Element | None, path: str) -> str | None:
    """Return what a part of an element says; None: nothing."""
    content = "" if element is None else element.findtext(path) or ""
    return content.strip() or None


def _whole(element: ET.Element | None, name: str) -> int | None:
    value = "" if element is None else element.get(name, "")
    return int(value) if value.isascii() and value.isdigit() else None


def _truth(element: ET.Element | None, name: str) -> bool | None:
    value = None if element is None else element.get(name)
    return {"yes": True, "no": False}.get(value or "")


def _models(root: ET.Element | None) -> frozenset[str]:
    if root is None:
        return frozenset()
    found = root.findall("./cpu/mode[@name='custom']/model[@usable='yes']")
    return frozenset(each.text.strip() for each in found if each.text)


def _machines(root: ET.Element | None, arch: str) -> Iterator[ET.Element]:
    guests = [] if root is None else root.findall("./guest")
    for guest in guests:
        if (guest.findtext("os_type") or "").strip() != "hvm":
            continue
        for found in guest.findall(f"./arch[@name='{arch}']"):
            yield from found.iter("machine")
