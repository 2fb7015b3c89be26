"""Whether a server is well at its source after a migration that failed."""

from typing import Any

import libvirt
from oslo_log import log as logging

from nova_livemig_gpu.virt import devices, errors

LOG = logging.getLogger(__name__)

_STATES = {
    libvirt.VIR_DOMAIN_RUNNING: "running",
    libvirt.VIR_DOMAIN_BLOCKED: "running",
    libvirt.VIR_DOMAIN_PAUSED: "paused",
    libvirt.VIR_DOMAIN_SHUTDOWN: "shutting down",
    libvirt.VIR_DOMAIN_SHUTOFF: "shut off",
    libvirt.VIR_DOMAIN_CRASHED: "crashed",
}


def at_source(host: Any, instance: Any) -> str:
    """Return its state and devices here, and log them. Never raises.

    :param host: Nova's ``Host``
    """
    try:
        domain = host.get_guest(instance)._domain
        state = _STATES.get(domain.state()[0], "in an unknown state")
        found = devices.kinds(devices.vfio_devices(domain.XMLDesc(0)))
        text = f"{state} with {found or 'no VFIO device'}"
    except Exception as exc:
        gone = errors.domain_gone(exc)
        text = "not here" if gone else f"in an unknown state: {exc}"
    log = LOG.info if text.startswith("running with ") else LOG.warning
    log("After its migration the server is %s", text, instance=instance)
    return text
