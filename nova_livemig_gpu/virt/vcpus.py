"""How busy the vCPUs of a server are, by the time that they ran."""

from collections.abc import Mapping
from typing import Any

import libvirt
from oslo_log import log as logging

LOG = logging.getLogger(__name__)

_NS = 1e-9
#: More precise than libvirt's times are.
_LEAST_SHARE = 0.01


def times_s(domain: Any) -> Mapping[int, float] | None:
    """Return how long each vCPU has run so far, seconds by its number; None:
    libvirt does not tell. Does not raise libvirt's errors."""
    try:
        states, _ = domain.vcpus()
    except (libvirt.libvirtError, AttributeError) as exc:
        LOG.debug("How busy the vCPUs are is unknown: %s", exc)
        return None
    return {number: ran * _NS for number, _, ran, _ in states}


def busiest(
    before: Mapping[int, float] | None,
    after: Mapping[int, float] | None,
    seconds: float,
) -> float | None:
    """Return the share of its time that the busiest vCPU ran, at most 1 and
    at least 0.01; None: unknown, or none has.

    An emulator that runs all vCPUs in one thread has no times of them.

    :param seconds: between the two

    >>> busiest({0: 10.0, 1: 4.0}, {0: 10.5, 1: 6.0}, 4.0)
    0.5
    """
    if not before or not after or seconds <= 0:
        return None
    most = max(after[each] - before.get(each, after[each]) for each in after)
    if most <= 0:
        return None
    return min(max(most / seconds, _LEAST_SHARE), 1.0)
