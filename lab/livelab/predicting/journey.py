# SPDX-License-Identifier: Apache-2.0
"""One real migration by the package's own loop, without OpenStack.

Everything of the driver below Nova's manager is real: plan, proxy, Nova's
Guest, job, loop, policy, libvirt and QEMU.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import libvirt
from nova.virt.libvirt import guest as libvirt_guest

from livelab.libvirtd import Libvirtd
from livelab.summary import (
    RESUMED,
    RESUMED_MIGRATED,
    SUSPENDED,
    SUSPENDED_MIGRATED,
)
from nova_livemig_gpu.migration.loop import Clock, SteeringLoop, Watcher
from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.model import (
    Budget,
    Goal,
    JobState,
    OnTimeout,
    Pass,
    StartPlan,
    Surroundings,
)
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.policies.base import Policy
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.virt.completed import CompletedStats
from nova_livemig_gpu.virt.job import NovaJob
from nova_livemig_gpu.virt.proxies import PlannedGuest

FLAGS = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER
POLL_S = 0.25


@dataclass(frozen=True)
class Journey:
    """What a migration did.

    :ivar total_ms: as libvirt counts it, from the start of its job
    :ivar downtime_ms: libvirt's figure
    :ivar pause_ms: from the source's stop to the destination's start, by
        libvirt's events
    :ivar flow_s: from the first sample with memory flowing to the end
    :ivar why: why it did not complete; None where it did
    """

    completed: bool
    why: str | None
    total_ms: int | None
    downtime_ms: int | None
    setup_ms: int | None
    pause_ms: float | None
    sent_bytes: int | None
    passes: int
    limit_ms: int | None
    elapsed_s: float
    flow_s: float | None
    normal_bytes: int | None
    zero_bytes: int | None
    each: tuple[Pass, ...]


class Events:
    """libvirt's event loop, in a thread of its own."""

    def __enter__(self) -> "Events":
        libvirt.registerErrorHandler(lambda *_: None, None)
        libvirt.virEventRegisterDefaultImpl()
        self._running = True
        # Wakes the loop up, so that it sees the end.
        self._timer = libvirt.virEventAddTimeout(200, lambda *_: None, None)
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()
        return self

    def _loop(self) -> None:
        while self._running:
            libvirt.virEventRunDefaultImpl()

    def __exit__(self, *_: object) -> None:
        self._running = False
        self._thread.join(5)
        libvirt.virEventRemoveTimeout(self._timer)


class Pause:
    """The times at which the guest is stopped here and started there."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._stopped: float | None = None
        self._started: float | None = None

    def watch(self, connection: libvirt.virConnect) -> int:
        """Returns the callback's number."""
        number: int = connection.domainEventRegisterAny(
            None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._seen, None
        )
        return number

    def _seen(self, _: Any, domain: Any, event: int, detail: int, __: Any):
        if domain.name() != self._name:
            return
        if (event, detail) == (SUSPENDED, SUSPENDED_MIGRATED):
            self._stopped = time.monotonic()
        if (event, detail) == (RESUMED, RESUMED_MIGRATED):
            self._started = time.monotonic()

    def ms(self) -> float | None:
        """None: it was not seen."""
        if self._stopped is None or self._started is None:
            return None
        return round((self._started - self._stopped) * 1e3, 1)


def policy_for(budget_ms: int, timeout_s: float, around: Surroundings):
    """Pre-copy only, given up when it cannot end or after timeout_s."""
    return AdaptivePolicy(
        Budget(
            policy="adaptive",
            max_downtime_ms=budget_ms,
            timeout_s=timeout_s,
            on_timeout=OnTimeout.ABORT,
            postcopy=False,
            auto_converge=False,
            bandwidth_mbps=None,
            goal=Goal.FAST,
        ),
        around,
    )


@dataclass(frozen=True)
class Steered:
    """What our loop and libvirt's events saw of a migration.

    :ivar stats: libvirt's final ones; empty where it did not complete
    """

    end: Progress
    record: Record
    errors: list[Exception]
    stats: dict[str, Any]
    pause_ms: float | None
    elapsed_s: float


def travel(
    source: Libvirtd, target: Libvirtd, name: str, policy: Policy
) -> Journey:
    """Migrate; raises libvirtError only where there is no such guest."""
    return journey(steer(source, target, name, policy))


def steer(
    source: Libvirtd, target: Libvirtd, name: str, policy: Policy
) -> Steered:
    """Migrate; raises libvirtError only where there is no such guest."""
    here = libvirt.open(source.socket_uri)
    there = libvirt.open(target.socket_uri)
    pause = Pause(name)
    callbacks = [(c, pause.watch(c)) for c in (here, there)]
    guest = libvirt_guest.Guest(here.lookupByName(name))
    completed = CompletedStats(here, guest.uuid)
    completed.listen()
    try:
        begin = time.monotonic()
        end, record, errors = run(policy, guest, target.uri)
        elapsed_s = time.monotonic() - begin
        stats = final_stats(completed) if not errors else None
    finally:
        completed.close()
        for connection, number in callbacks:
            connection.domainEventDeregisterAny(number)
            connection.close()
    return Steered(end, record, errors, stats or {}, pause.ms(), elapsed_s)


@dataclass(frozen=True)
class Started:
    """A migration under way, as the driver has it.

    :ivar thread: of the operation; it ends with the job
    :ivar errors: what the operation ended with, if it failed
    :ivar migration: stands for Nova's record
    """

    job: NovaJob
    thread: threading.Thread
    errors: list[Exception]
    migration: SimpleNamespace


def start(plan: StartPlan, guest: Any, uri: str, **arguments: Any) -> Started:
    """Start a guest's migration as planned, for a loop to steer.

    :param uri: of the libvirtd it goes to
    :param arguments: more for ``nova.virt.libvirt.guest.Guest.migrate``
    """
    errors: list[Exception] = []

    def operation() -> None:
        try:
            PlannedGuest(guest, plan).migrate(
                uri, **{"flags": FLAGS, **arguments}
            )
        except libvirt.libvirtError as exc:
            errors.append(exc)

    thread = threading.Thread(target=operation)
    thread.start()
    migration = SimpleNamespace(status="running", save=lambda: None)
    job = NovaJob(
        SimpleNamespace(active_migrations={guest.uuid: deque()}),
        guest,
        SimpleNamespace(uuid=guest.uuid, save=lambda: None),
        migration,
        plan,
        lambda: not thread.is_alive(),
        deque(),
        5,
    )
    return Started(job, thread, errors, migration)


def run(
    policy: Policy,
    guest: Any,
    uri: str,
    watcher: Watcher | None = None,
    **arguments: Any,
) -> tuple[Progress, Record, list[Exception]]:
    """Migrate a guest, steered by a policy; see ``start``."""
    plan = policy.plan()
    started = start(plan, guest, uri, **arguments)
    record = Record(None, {})
    end = SteeringLoop(
        started.job,
        policy,
        plan,
        record,
        Clock(),
        POLL_S,
        guest.uuid,
        watcher,
    ).run()
    started.thread.join(60)
    return end, record, started.errors


def final_stats(completed: CompletedStats) -> dict[str, Any] | None:
    """Return libvirt's statistics of a job that has ended.

    The event may come a little after the job's end.
    """
    for _ in range(50):
        if completed.get() is not None:
            break
        time.sleep(0.1)
    return completed.get()


def journey(found: Steered) -> Journey:
    """The figures of what was seen."""
    end, record, errors = found.end, found.record, found.errors
    stats = found.stats
    assert end.sample is not None
    done = end.sample.state is JobState.COMPLETED and not errors
    aborts = [d for d in record.decisions if d["action"] == "abort"]
    why = None if done else f"{[d['code'] for d in aborts]} {errors}"
    page = stats.get("memory_page_size", 4096)
    return Journey(
        completed=done,
        why=why,
        total_ms=stats.get("time_elapsed"),
        downtime_ms=stats.get("downtime"),
        setup_ms=stats.get("setup_time"),
        pause_ms=found.pause_ms if done else None,
        sent_bytes=stats.get("memory_processed"),
        passes=stats.get("memory_iteration") or end.pass_count,
        limit_ms=end.limit_ms,
        elapsed_s=round(found.elapsed_s, 3),
        flow_s=end.sample.t_s - end.first.t_s if end.first else None,
        normal_bytes=_pages(stats, "memory_normal", page),
        zero_bytes=_pages(stats, "memory_constant", page),
        each=end.passes,
    )


def _pages(stats: dict[str, Any], key: str, page: int) -> int | None:
    count = stats.get(key)
    return None if count is None else count * page
