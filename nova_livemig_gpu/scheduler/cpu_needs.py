"""What a server needs of a CPU, from what its host tells of it.

Its own CPU counts, as libvirt tells it of the running server: not what its
present host has, which may be a newer one than the server was started on,
and not what Nova once asked for (``vcpu_model``), of which libvirt and QEMU
may have left out what the host of the start did not have.

Where the host does not tell the server's CPU (it runs an older version of
this package, or the server came a moment ago), what it may have at most is
assumed. A host that has all of that is fit; of any other it is unknown.
"""

from dataclasses import replace
from typing import Any

from nova_livemig_gpu.model import CpuFacts, GuestCpu, HostFacts
from nova_livemig_gpu.scheduler.needs import CpuNeeds

#: An image property that makes QEMU emulate another architecture.
_EMULATED = "image_hw_emulation_architecture"

_PASSTHROUGH = (
    "it has all that its host's CPU has, and libvirt compares nothing"
)
_NOT_TOLD = "its host has not told yet what CPU the server has"


def of(server: Any, source: HostFacts | None) -> tuple[CpuNeeds | None, str]:
    """Return the needs, or None and why they are unknown.

    :param server: Nova's Instance
    :param source: facts of its host
    """
    guests = (source.guests if source else None) or ()
    for guest in guests:
        if guest.server == server.uuid:
            return _of_guest(guest, source.cpu if source else None)
    return _assumed(server, source)


def _of_guest(
    guest: GuestCpu, here: CpuFacts | None
) -> tuple[CpuNeeds | None, str]:
    of_host = here.arch if here else None
    if None not in (of_host, guest.arch) and of_host != guest.arch:
        return None, f"the server's architecture {guest.arch} is emulated"
    needs = CpuNeeds(
        vendor=guest.vendor,
        machine_type=guest.machine_type,
        tsc_hz=guest.tsc_hz,
        arch=guest.arch,
        virt_type=guest.virt_type,
    )
    listed = here.features if here else frozenset()
    if guest.passthrough:
        if not listed:
            return None, "the server has its host's CPU, which is not told"
        return replace(needs, features=listed, assumed=_PASSTHROUGH), ""
    if guest.features is None:
        return None, "libvirt does not tell what the server's CPU has"
    return replace(needs, features=_telling(guest.features, listed)), ""


def _telling(
    features: frozenset[str], listed: frozenset[str]
) -> frozenset[str]:
    """Return those whose absence from another host's list tells something.

    A list holds what QEMU turns on with the host-model CPU, which is not all
    that a server can have. So a feature of the server that its own host does
    not list is left out: between equal hosts nothing is ever missing.
    Newer versions of libvirt list ``vmx-*``, and take them out of what they
    send to an older one (``qemuDomainMakeCPUMigratable`` in
    src/qemu/qemu_domain.c).
    """
    return frozenset(
        name
        for name in (features & listed if listed else features)
        if not name.startswith("vmx-")
    )


def _assumed(
    server: Any, source: HostFacts | None
) -> tuple[CpuNeeds | None, str]:
    """Nova stores what libvirt was given (``_cpu_config_to_vcpu_model`` in
    nova/virt/libvirt/driver.py): a named model, or none with host-model and
    host-passthrough; then the server has at most what its host has, unless
    it came from another one."""
    if server.system_metadata.get(_EMULATED):
        return None, "the server's architecture is emulated"
    given = server.vcpu_model
    here = source.cpu if source else None
    needs = CpuNeeds(
        machine_type=server.system_metadata.get("image_hw_machine_type"),
        arch=here.arch if here else None,
        virt_type=here.virt_type if here else None,
        assumed=_NOT_TOLD,
    )
    if given is not None and given.model:
        return replace(needs, model=given.model), ""
    if source is not None and source.cpu_mode == "none":
        # QEMU's own default CPU, emulated or not, runs everywhere.
        return needs, ""
    if here is None or not here.features:
        return None, (
            f"the server's host {server.host} does not tell what its CPU is"
        )
    features = here.features - _disabled(given)
    return replace(
        needs,
        vendor=here.vendor,
        features=_telling(features, here.features),
    ), ""


def _disabled(given: Any) -> frozenset[str]:
    features = given.features if given is not None else ()
    return frozenset(
        each.name
        for each in features or ()
        if each.policy in ("disable", "forbid")
    )
