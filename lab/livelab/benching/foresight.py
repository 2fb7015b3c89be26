# SPDX-License-Identifier: Apache-2.0
"""What nova-compute would know before each migration of the bench.

The package's own forecaster, with its defaults: the dirty rate by libvirt's
means for ``dirty_rate_seconds``, and a history, kept beside the results, that
every migration adds to. A link is told by its rate, as a pair of hosts is in
a cloud. Only who keeps a budget is given it: the baselines know nothing
before they start.
"""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import libvirt
from nova.virt.libvirt import guest as libvirt_guest
from oslo_config import cfg

from livelab.benching.cells import Cell
from livelab.benching.loads import MEMORY_MIB
from livelab.libvirtd import Libvirtd
from livelab.predicting import journey
from nova_livemig_gpu import conf
from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.history.store import History
from nova_livemig_gpu.model import JobState, Outcome
from nova_livemig_gpu.policies.base import Policy
from nova_livemig_gpu.virt import remember
from nova_livemig_gpu.virt.forecast import Forecaster
from nova_livemig_gpu.virt.foreseen import Asked, Foreseen

#: Seen: what a look takes with the defaults.
LOOK_S = 4.0


def defaults() -> Options:
    """The options as they are without a configuration file."""
    config = cfg.ConfigOpts()
    config.register_opt(cfg.StrOpt("state_path", default="/nowhere"))
    conf.register_opts(config)
    config([], default_config_files=[], default_config_dirs=[])
    return conf.load(config)


class Foresight:
    """Of one bench."""

    def __init__(self, file: Path) -> None:
        """:param file: the history, made when needed"""
        self._history = History(file)
        self._forecaster = Forecaster(self._history, lambda server: ())
        self._options = defaults()

    def look(
        self, cell: Cell, source: Libvirtd, name: str, policy: Policy
    ) -> Foreseen:
        """Measure and predict; takes ``dirty_rate_seconds``. Raises
        libvirtError where there is no such guest."""
        connection = libvirt.open(source.socket_uri)
        try:
            domain = connection.lookupByName(name)
            asked = Asked(
                server=domain.UUIDString(),
                source=_host(cell.link_mbps, "source"),
                destination=_host(cell.link_mbps, "destination"),
                memory_mb=MEMORY_MIB,
                running=0,
                limit_ms=float(getattr(policy, "limit_max_ms", 0)),
                budget=policy.budget,
                around=policy.around,
            )
            return self._forecaster.foresee(
                self._options,
                libvirt_guest.Guest(domain),
                connection,
                asked,
            )
        finally:
            connection.close()

    def learn(
        self,
        cell: Cell,
        server: str,
        seen: journey.Steered,
        outcome: Outcome,
        foreseen: Foreseen,
    ) -> None:
        """Keep a migration."""
        head: Mapping[str, Any] = {
            "migration": str(uuid.uuid4()),
            "server": server,
            "source": _host(cell.link_mbps, "source"),
            "destination": _host(cell.link_mbps, "destination"),
            "memory_mb": MEMORY_MIB,
            "running": 0,
            "overhead_ms": 0,
        }
        self._history.add(
            remember.entry(head, outcome, foreseen, seen.end, False, ())
        )


def _host(link_mbps: int, role: str) -> str:
    return f"{role}-{link_mbps}"


def outcome(seen: journey.Steered) -> Outcome:
    """How it ended, for the history."""
    did = journey.journey(seen)
    found = Outcome(
        JobState.COMPLETED if did.completed else JobState.FAILED,
        postcopy=seen.end.postcopy,
        forced=seen.end.forced,
    )
    if not did.completed:
        return found
    return replace(
        found,
        total_ms=did.total_ms,
        downtime_ms=did.downtime_ms,
        sent_bytes=did.sent_bytes,
        passes=did.passes,
    )
