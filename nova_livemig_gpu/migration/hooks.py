"""Operators' own steps around a migration, through stevedore.

How to write one
----------------
Subclass :class:`Hook`, override the steps you need, register the class as
an entry point in ``nova_livemig_gpu.hooks`` and name it in ``[livemig_gpu]
hooks``::

    class Tell(Hook):
        def completed(self, facts, outcome):
            requests.post(URL, json={"server": facts.server})
            return {"told": URL}

Steps, in their order; hooks run in the order of the option, in nova-compute
on the source:

preflight
    Before anything is copied; return a reason to refuse the migration. The
    server stays where it is and its user is told the reason.
before_start
    Just before libvirt is asked to migrate.
after_pass
    After passes over the server's memory. In a thread beside the migration,
    which does not wait; a call is left out while the one before it runs.
before_switchover
    Once, before this package lets QEMU stop the server: before the limit is
    raised at the end of the memory passes, before post-copy and before a
    forced end. QEMU itself chooses the moment, milliseconds to seconds later,
    and libvirt tells nobody. It is not called where QEMU got by with the low
    limit that holds while passes run, as it does with a server that hardly
    writes, or with a device that was copied before and hardly changes
    (PRE_COPY).
after_switchover
    The server runs at its destination, as far as the source knows.
completed, failed
    The end. A migration that was refused by a preflight has no end.

A call has ``hook_timeout_s``. A hook that takes longer is left to itself in
its thread and the migration goes on; one that raises is logged; both are
recorded. A mapping that a step returns is kept in the migration's record,
under the names of hook and step, cut to some 2,000 characters. Nothing a hook
is given can be changed by it. One object serves all migrations, several at a
time: keep what belongs to one of them under ``facts.migration``.

In nova-compute with eventlet (Nova 31 to 33) a hook that computes without
ever waiting holds up the whole service, and no time bound helps.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oslo_log import log as logging
from stevedore import named

from nova_livemig_gpu.gpu.base import GpuBackend
from nova_livemig_gpu.migration.audit import AuditEvent
from nova_livemig_gpu.model import (
    Budget,
    Decision,
    Outcome,
    StartPlan,
    Surroundings,
)

LOG = logging.getLogger(__name__)

NAMESPACE = "nova_livemig_gpu.hooks"

Answer = Mapping[str, Any] | None


@dataclass(frozen=True)
class Facts:
    """What every step is told.

    :ivar migration: UUID
    :ivar server: UUID
    :ivar around: what was known before the start, the predicted stun too
    :ivar plan: None: as Nova has it, or not planned yet
    """

    migration: str
    server: str
    server_name: str | None
    source: str
    destination: str
    request_id: str | None
    user_id: str | None
    project_id: str | None
    budget: Budget
    around: Surroundings
    plan: StartPlan | None = None


@dataclass(frozen=True)
class PassFacts:
    """What ``after_pass`` is told.

    :ivar number: how many passes have finished
    :ivar remaining_bytes: memory left to send
    :ivar vfio_bytes: device state sent so far
    """

    number: int
    elapsed_s: float
    remaining_bytes: int | None
    bandwidth_bps: float | None
    vfio_bytes: int | None


@dataclass(frozen=True)
class Services:
    """What a hook may use.

    :ivar gpus: the GPUs of this host
    :ivar agent: server, JSON of a guest agent command, seconds -> JSON of
        its answer; raises where the server, or its agent, does not answer
    :ivar audit: appends to the audit log
    :ivar commands: options ``quiesce_command`` and ``resume_command``, now
    :ivar no_thaw: host -> why what arrives there quiesced would stay so;
        None: it is resumed as soon as it runs there
    """

    gpus: GpuBackend
    agent: Callable[[str, str, int], str]
    audit: Callable[[AuditEvent], None]
    commands: Callable[[], tuple[str, str]]
    no_thaw: Callable[[str], str | None] = lambda host: None


class Hook:
    """See the module. Steps that are not overridden do nothing."""

    services: Services

    def preflight(self, facts: Facts) -> str | None:
        """Return why the migration must not start; None: it may."""
        return None

    def before_start(self, facts: Facts) -> Answer:
        return None

    def after_pass(self, facts: Facts, now: PassFacts) -> Answer:
        return None

    def before_switchover(self, facts: Facts, decision: Decision) -> Answer:
        return None

    def after_switchover(self, facts: Facts) -> Answer:
        return None

    def completed(self, facts: Facts, outcome: Outcome) -> Answer:
        return None

    def failed(self, facts: Facts, outcome: Outcome) -> Answer:
        return None


class NullHook(Hook):
    """Does nothing."""


def load(
    names: Sequence[str], services: Services | None = None
) -> list[tuple[str, Hook]]:
    """Return the named hooks in that order; one that cannot be had is
    logged and left out."""

    def failed(manager: Any, entry_point: Any, error: Exception) -> None:
        LOG.error("Hook %s cannot be loaded: %s", entry_point.name, error)

    def missing(unknown: set[str]) -> None:
        LOG.error("There is no hook %s", ", ".join(sorted(unknown)))

    manager = named.NamedExtensionManager(
        NAMESPACE,
        list(names),
        invoke_on_load=True,
        name_order=True,
        on_load_failure_callback=failed,
        on_missing_entrypoints_callback=missing,
    )
    found = []
    for extension in manager:
        if not isinstance(extension.obj, Hook):
            LOG.error("%s is not a Hook: %r", extension.name, extension.obj)
            continue
        if services is not None:
            extension.obj.services = services
        found.append((extension.name, extension.obj))
    return found
