"""The speed of the link between this host and a destination.

That of the slower end, of those that are known: this host's own as in its
facts (``link_mbps``, else what the kernel tells of the interface that live
migrations come by), the destination's as its facts are published. None of
them known: no speed. Nothing here raises.
"""

from typing import Any

import nova.conf
from nova import objects
from oslo_log import log as logging

from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.facts import codec
from nova_livemig_gpu.facts.link import Link as Kernel
from nova_livemig_gpu.gpu.once import Once
from nova_livemig_gpu.history.transports import Link

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF


class Links:
    """Of one host."""

    def __init__(self, kernel: Kernel | None = None) -> None:
        """:param kernel: reads the speed of an interface of this host"""
        self._kernel = kernel or Kernel()
        self._once = Once()

    def between(
        self, options: Options, context: Any, dest: str
    ) -> Link | None:
        """Return the link to a compute host; None: unknown."""
        return slower(self.here_mbps(options), _there(context, dest))

    def here_mbps(self, options: Options) -> int | None:
        """Return the speed of this host's link; None: unknown."""
        if options.link_mbps is not None:
            return options.link_mbps
        address = CONF.libvirt.live_migration_inbound_addr or CONF.my_ip
        try:
            return self._kernel.speed_mbps(address)
        except Exception as exc:
            self._once.warn("link", f"The speed of the link is unknown: {exc}")
            return None


def slower(here_mbps: float | None, there_mbps: float | None) -> Link | None:
    """Return the slower of two ends; None: neither is known.

    >>> slower(10_000, None)
    Link(mbps=10000, whose="this host's; the destination's is unknown")
    """
    if here_mbps is None:
        if there_mbps is None:
            return None
        return Link(there_mbps, "the destination's; this host's is unknown")
    if there_mbps is None:
        return Link(here_mbps, "this host's; the destination's is unknown")
    return Link(min(here_mbps, there_mbps), "the slower of both ends")


def _there(context: Any, dest: str) -> float | None:
    """The slowest of a compute service's nodes that tell."""
    try:
        nodes = objects.ComputeNodeList.get_all_by_host(
            context.elevated(), dest
        )
        facts = [codec.decode(node.stats) for node in nodes]
    except Exception as exc:
        LOG.debug("The speed of the link of %s is unknown: %s", dest, exc)
        return None
    return min(
        (each.link_mbps for each in facts if each and each.link_mbps),
        default=None,
    )
