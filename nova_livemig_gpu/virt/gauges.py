"""The two gauges of a server's dirty rate; what they are worth: see
``virt.dirtyrate``.
"""

import json
from collections.abc import Mapping
from typing import Any, Protocol

import libvirt

from nova_livemig_gpu.virt import commands

#: virDomainDirtyRateStatus
_MEASURED = 2


class NotMeasured(Exception):
    """No rate came of it. Stays in these modules."""


class Gauge(Protocol):
    """A way to measure.

    :ivar least_s: shortest period
    :ivar step_s: periods are multiples of this
    :ivar samples_per_gib: pages looked at in each GiB
    """

    least_s: float
    step_s: float
    samples_per_gib: int

    def start(self, period_s: float) -> None:
        """Begin; returns at once. Raises what it likes."""

    def rate_mib_s(self) -> float | None:
        """Distinct MiB dirtied, for each second; None: not ready."""


class LibvirtGauge:
    """By libvirt's own means."""

    least_s = 1.0
    step_s = 1.0
    samples_per_gib = 512

    def __init__(self, domain: Any, connection: Any) -> None:
        self._domain = domain
        self._connection = connection

    def start(self, period_s: float) -> None:
        self._domain.startDirtyRateCalc(
            int(period_s), libvirt.VIR_DOMAIN_DIRTYRATE_MODE_PAGE_SAMPLING
        )

    def rate_mib_s(self) -> float | None:
        ((_, found),) = self._connection.domainListGetStats(
            [commands.unwrapped(self._domain)],
            libvirt.VIR_DOMAIN_STATS_DIRTYRATE,
            0,
        )
        if found.get("dirtyrate.calc_status") != _MEASURED:
            return None
        return _number(found.get("dirtyrate.megabytes_per_second"))


class MonitorGauge:
    """By QEMU's monitor: finer, and the domain is tainted from then on."""

    least_s = 0.0625
    step_s = 0.001
    samples_per_gib = 16384

    def __init__(self, domain: Any) -> None:
        self._domain = domain

    def start(self, period_s: float) -> None:
        arguments = {
            "calc-time": round(period_s * 1e3),
            "calc-time-unit": "millisecond",
            "sample-pages": self.samples_per_gib,
        }
        self._ask({"execute": "calc-dirty-rate", "arguments": arguments})

    def rate_mib_s(self) -> float | None:
        found = self._ask({"execute": "query-dirty-rate"})
        if found.get("status") != "measured":
            return None
        return _number(found.get("dirty-rate"))

    def _ask(self, command: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = json.loads(
            commands.to(self._domain).monitor(json.dumps(command))
        )
        if "error" in answer:
            raise NotMeasured(answer["error"].get("desc"))
        found: Mapping[str, Any] = answer["return"]
        return found


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise NotMeasured(f"the rate is {value!r}")
    return float(value)
