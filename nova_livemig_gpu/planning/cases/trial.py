"""Runs cases through the policies and the loop as they are, and judges them.

Before its start a server is judged as in nova-compute
(``migration.preflight``), and what is refused is not begun. Its curve is known
or not as the case says, and the link is shared out by the options' defaults.
What a vGPU's stun would be is not known, and servers with a device leave one
after the other.

Dirty pages of small guests are collected as fast as the simulator was
calibrated with; what a guest has beyond 16 GiB, as fast as QEMU does it with
KVM: 73 ms for 256 GiB (its commit on merged clear_dirty ioctls, 2025).

A migration that has not ended an hour after its ``timeout_s``, or after a
week where it has none, is left as "running".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.migration import preflight
from nova_livemig_gpu.migration.sharers import Terms
from nova_livemig_gpu.model import JobState, Staircase, Surroundings
from nova_livemig_gpu.planning import together
from nova_livemig_gpu.planning.cases.case import (
    REFUSED,
    Bounds,
    Case,
    Server,
    default_options,
)
from nova_livemig_gpu.planning.foreknown import foreseen
from nova_livemig_gpu.planning.host import Guest, Hosts
from nova_livemig_gpu.planning.recorded import RecordedGuest
from nova_livemig_gpu.planning.simulator import Scenario
from nova_livemig_gpu.planning.together import Departure, Together
from nova_livemig_gpu.policies import loader
from nova_livemig_gpu.policies.limit import goes_up_to_ms
from nova_livemig_gpu.policies.sharing import capacity_bps

_GIB = 2**30
_GRACE_S = 3600.0
_LONGEST_S = 7 * 86400.0
_SMALL_GIB, _KVM_SYNC_S_PER_GIB = 16.0, 0.073 / 256
#: What QEMU is told of the link where no option says it, MiB/s.
_SWITCHOVER_MIB_S = 119
_NO_POSTCOPY = "QEMU refuses it for a VFIO device"


@dataclass(frozen=True)
class Trial:
    """How one server's migration went, and what was missed.

    :ivar server: its number in the case
    :ivar total_s: since it was asked for; None: it was not begun
    :ivar waited_s: of that, before it began
    :ivar missed: bounds that do not hold, in sentences
    """

    case: Case
    server: int
    seed: int
    state: str
    total_s: float | None
    waited_s: float
    downtime_ms: float | None
    postcopy_s: float
    passes: int
    sent_bytes: float
    throttle_percent: int
    converges_foreseen: bool | None
    decisions: tuple[Mapping[str, Any], ...]
    missed: tuple[str, ...] = ()


def run(case: Case) -> Iterator[Trial]:
    """Run a case with each of its seeds.

    :raises JobRefused: a policy asked twenty times for what was refused
    """
    options = default_options()
    for seed in case.seeds:
        servers = list(enumerate(case.servers))
        if case.share_link:
            yield from _run(case, servers, seed, options)
            continue
        for each in servers:
            yield from _run(case, [each], seed, options)


def _run(
    case: Case,
    servers: Sequence[tuple[int, Server]],
    seed: int,
    options: Options,
) -> Iterator[Trial]:
    departures: dict[int, Departure] = {}
    refused: dict[int, Departure] = {}
    for number, server in servers:
        # Each has chances of its own.
        each = _departure(case, server, seed * 1000 + number, options)
        scenario = each.scenario
        verdict = preflight.judge(scenario.budget, scenario.around)
        (refused if verdict.refuse else departures)[number] = each
    results: dict[int, Together | None] = dict.fromkeys(refused)
    if departures:
        found = together.simulate(
            list(departures.values()),
            _terms(case, options),
            case.link_mbps[1:],
        )
        results.update(zip(departures, found, strict=True))
    for number, server in servers:
        departure = departures.get(number) or refused[number]
        trial = _trial(case, number, seed, departure, results[number])
        yield replace(trial, missed=tuple(judge(trial, server.bounds)))


def _terms(case: Case, options: Options) -> Terms | None:
    if not options.share_link:
        return None
    return Terms(
        capacity_bps(case.link_mbps[0][1], options.link_reserve_percent),
        options.link_reserve_percent > 0,
        options.link_wait_s,
    )


def _departure(
    case: Case, server: Server, seed: int, options: Options
) -> Departure:
    guest, budget = server.guest, server.budget
    kind = loader.find(budget.policy)
    device = guest.has_device
    hosts = _hosts(case, guest)
    size_gib = max((guest.total_bytes + guest.disk_bytes) / _GIB, 2.0)
    around = Surroundings(
        overhead_ms=case.overhead_ms,
        no_postcopy=_NO_POSTCOPY if device else None,
        vfio=device,
        staircase=Staircase(500, 10, 75, size_gib),
        switchover_mib_s=_SWITCHOVER_MIB_S if device else None,
    )
    around = foreseen(
        around,
        replace(guest, age_s=server.starts_s),
        hosts,
        goes_up_to_ms(kind(budget, around)),
        server.measured,
    )
    timeout_s = budget.timeout_s
    scenario = Scenario(
        guest,
        hosts,
        budget,
        around,
        seed,
        _LONGEST_S if timeout_s is None else timeout_s + _GRACE_S,
        options.poll_interval_ms / 1e3,
    )
    queued = device and options.queue_vgpu_migrations
    return Departure(kind, scenario, server.starts_s, server.measured, queued)


def _hosts(case: Case, guest: Guest) -> Hosts:
    if isinstance(guest, RecordedGuest):
        return Hosts(
            case.link_mbps[0][1],
            efficiency=1.0,
            setup_s=0.0,
            overhead_ms=case.overhead_ms,
            sync_s_per_gib=0.0,
        )
    hosts = Hosts(
        case.link_mbps[0][1],
        overhead_ms=case.overhead_ms,
        jitter=case.jitter,
    )
    gib = guest.total_bytes / _GIB
    small = min(_SMALL_GIB / gib, 1.0)
    sync = hosts.sync_s_per_gib * small + _KVM_SYNC_S_PER_GIB * (1 - small)
    return replace(hosts, sync_s_per_gib=sync)


def _trial(
    case: Case,
    number: int,
    seed: int,
    departure: Departure,
    result: Together | None,
) -> Trial:
    scenario = departure.scenario
    ahead = scenario.around.forecast
    converges = None if ahead is None else ahead.converges
    if result is None:
        return Trial(
            *(case, number, seed, REFUSED, None, 0.0, None, 0.0),
            *(0, 0.0, 0, converges, ()),
        )
    seen = result.result.seen
    cut = scenario.cut_s is not None and seen.total_s >= scenario.cut_s
    running = cut and seen.state is JobState.CANCELLED
    return Trial(
        case,
        number,
        seed,
        "running" if running else seen.state.value,
        seen.total_s + result.waited_s,
        result.waited_s,
        seen.downtime_ms,
        seen.postcopy_s,
        seen.passes,
        seen.sent_bytes,
        seen.throttle_percent,
        converges,
        result.decisions,
    )


def judge(trial: Trial, bounds: Bounds) -> Iterator[str]:
    """Return what does not hold, in sentences."""
    for each in fields(bounds):
        name, bound = each.name, getattr(bounds, each.name)
        if bound is None:
            continue
        measured = name.removesuffix("_most").removesuffix("_least")
        if name == "postcopy_longest_s":
            measured = "postcopy_s"
        value = getattr(trial, measured)
        if not _holds(name, value, bound):
            shown = f"{value:.1f}" if isinstance(value, float) else value
            yield f"{name} is {bound}: {shown}"


def _holds(name: str, value: Any, bound: Any) -> bool:
    if isinstance(bound, str | bool):
        return bool(value == bound)
    if name.endswith("_least"):
        return value is not None and value >= bound
    # What was never paused, or not begun, was not too long.
    return value is None or value <= bound
