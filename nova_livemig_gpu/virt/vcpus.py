"""How busy the vCPUs of a server are, by the time that they ran."""

from collections.abc import Mapping
from typing import Any

import libvirt
from oslo_log import log as logging

LOG = logging.getLogger(__name__)

_NS = 1e-9
#: libvirt's times may come in steps of 10 ms.
_LEAST_S = 0.5
_LEAST_SHARE = 0.01


def times_s(domain: Any) -> Mapping[int, float] | None:
    """Return how long each vCPU has run so far, seconds by its number; None:
    libvirt does not tell. Does not raise what an answer can cause.

    Where a vCPU is taken away meanwhile, libvirt fills up with entries that
    are all 0: the first entry with a number counts.
    """
    found: dict[int, float] = {}
    try:
        states, _ = domain.vcpus()
        for number, _, ran_ns, _ in states:
            found.setdefault(number, ran_ns * _NS)
    except (
        libvirt.libvirtError,
        AttributeError,
        TypeError,
        ValueError,
    ) as exc:
        LOG.debug("How busy the vCPUs are is unknown: %s", exc)
        return None
    return found


def busy_share(
    before: Mapping[int, float] | None,
    after: Mapping[int, float] | None,
    seconds: float,
) -> float | None:
    """Return the share of its time that a thread of the server can have run
    which did all of the work: that of all vCPUs together, 0.01 to 1; None:
    unknown, or none has run.

    A thread may wander among vCPUs, and all are throttled at about the same
    time. An emulator that runs all vCPUs in one thread has no times of them.

    :param seconds: between the two

    >>> busy_share({0: 10.0, 1: 4.0}, {0: 10.5, 1: 6.0}, 4.0)
    0.625
    """
    if not before or not after or seconds < _LEAST_S:
        return None
    ran_s = sum(after[each] - before.get(each, after[each]) for each in after)
    if ran_s <= 0:
        return None
    return min(max(ran_s / seconds, _LEAST_SHARE), 1.0)
