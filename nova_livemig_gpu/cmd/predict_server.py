"""A prediction for a server of this host, from libvirt, NVML and history.

Put together as the driver does, by ``history.outlook``.
``--max-downtime-ms`` is the budget of the whole pause here, and the end is
QEMU's own, unless ``--model passes`` is asked for: as the policy ``adaptive``
steers it.
"""

import argparse
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nova_livemig_gpu.cmd import predict_options
from nova_livemig_gpu.cmd.failure import Failure, WrongInput
from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.gpu import loader
from nova_livemig_gpu.history import outlook
from nova_livemig_gpu.history.outlook import Outlook
from nova_livemig_gpu.history.store import History
from nova_livemig_gpu.history.transports import SWITCH_MS, Link, Route
from nova_livemig_gpu.migration.overhead import overhead_ms
from nova_livemig_gpu.migration.record import Records
from nova_livemig_gpu.model import Goal, Mode, Prediction
from nova_livemig_gpu.policies.limit import most_ms
from nova_livemig_gpu.prediction import stun as stuns
from nova_livemig_gpu.prediction.forecast import (
    Rule,
    Transport,
    Wanted,
    Workload,
    forecast,
)
from nova_livemig_gpu.prediction.merge import Observed
from nova_livemig_gpu.virt import likely

if TYPE_CHECKING:
    from nova_livemig_gpu.virt import inquiry, measuring

_RECORDS_READ = 40


@dataclass(frozen=True)
class Told:
    """What the command tells of a server.

    :ivar spread: of the stun; None: no vGPU
    :ivar rests_on: what the prediction rests on, in sentences
    :ivar throttle_percent: auto-converge that pre-copy needs where it does
        not end; None: it does, or unknown, or none is enough
    """

    prediction: Prediction
    spread: stuns.Spread | None
    rests_on: tuple[str, ...]
    throttle_percent: int | None = None


def predict(
    arguments: argparse.Namespace, history: History | None, options: Options
) -> Told:
    """Look at the server and predict.

    :raises Failure: it cannot be looked at
    :raises WrongInput: something must be given that is not known
    """
    seen = _look(arguments, options)
    known = Outlook(history)
    memory = known.memory(seen.server, seen.memory)
    route = _route(arguments, options, seen)
    way = known.way(route)
    if way.transport is None:
        raise WrongInput("--bandwidth-bps", f"is needed: {way.rests_on}")
    points, share = known.past(seen.server), None
    if arguments.measure:
        now = _measured(options, seen.server, points, memory, way.transport)
        points, share = now.points, now.cpu_share
    stun = known.stun(seen.vgpus)
    load = Workload(
        memory.pages,
        outlook.curve_of(points, memory.pages),
        arguments.disk_gb * 1e9,
        stun,
    )
    wanted = _wanted(arguments, options, route.overhead_ms)
    if wanted.rule is Rule.QEMU and not seen.vfio:
        wanted = _as_steered(options, wanted, load, way.transport)
    given = forecast(load, way.transport, wanted)
    rests_on = (
        memory.rests_on,
        way.rests_on,
        outlook.rests_on_curve(points),
        *outlook.rests_on_stun(stun),
    )
    throttle = None
    if not (given.converges or seen.vfio) and wanted.mode is Mode.PRECOPY:
        throttle = likely.throttle_that_ends(
            load, way.transport, wanted.limit_ms, share
        )
    return Told(
        known.corrected(given), known.spread(seen.vgpus), rests_on, throttle
    )


def _wanted(
    arguments: argparse.Namespace, options: Options, overhead_ms: float
) -> Wanted:
    budget_ms = arguments.max_downtime_ms
    if budget_ms is None:
        budget_ms = options.max_downtime_ms
    return Wanted(
        most_ms(budget_ms, overhead_ms),
        Mode(arguments.mode),
        Rule.PASSES if arguments.model == "passes" else Rule.QEMU,
    )


def _as_steered(
    options: Options, wanted: Wanted, load: Workload, transport: Transport
) -> Wanted:
    """The limit that the policy of this host would set."""
    limit_ms = likely.set_limit_ms(
        load,
        transport,
        wanted.limit_ms,
        options.policy,
        Goal(options.goal),
    )
    return replace(wanted, limit_ms=limit_ms)


def _look(arguments: argparse.Namespace, options: Options) -> "inquiry.Look":
    # only here: libvirt is not needed for the other predictions
    from nova_livemig_gpu.virt import inquiry

    _check(arguments.server)
    inquiry.silence()
    try:
        seen = inquiry.look(
            arguments.server,
            loader.load(options.gpu_call_timeout_s),
            predict_options.link_mbps(arguments, options.link_mbps),
        )
    except inquiry.ServerUnknown as exc:
        raise Failure(exc) from exc
    if seen.missing:
        raise Failure(
            f"Server {seen.server}: of {seen.missing} of its VFIO devices "
            "nothing is known, and so no stun; give --framebuffer-gb and "
            "--gpu instead of --server"
        )
    if any(vgpu.framebuffer_bytes is None for vgpu in seen.vgpus):
        raise Failure("The framebuffer of a vGPU of this server is unknown")
    return seen


def _measured(
    options: Options,
    server: str,
    past: tuple[Observed, ...],
    memory: outlook.Memory,
    transport: Transport,
) -> "measuring.Measured":
    from nova_livemig_gpu.virt import inquiry, measuring

    try:
        return measuring.by_hand(
            options, server, past, memory.pages, transport
        )
    except inquiry.ServerUnknown as exc:
        raise Failure(exc) from exc


def _check(server: str) -> None:
    try:
        uuid.UUID(server)
    except ValueError as exc:
        raise WrongInput("--server", f"{server!r} is not a UUID") from exc


def _route(
    arguments: argparse.Namespace, options: Options, seen: "inquiry.Look"
) -> Route:
    """As the driver's, but for what only Nova knows: other migrations, the
    server's own ``bandwidth_mbps``, the link's speed at the destination."""
    given = arguments.bandwidth_bps
    link_mbps = arguments.link_mbps or options.link_mbps
    switch_ms = arguments.switch_ms
    return Route(
        seen.host,
        arguments.destination,
        seen.server,
        _overhead_ms(arguments, options),
        given_bps=None if given is None else given / 8,
        most_mbps=None if given is not None else options.bandwidth_mbps,
        link=Link(link_mbps, "given, or link_mbps") if link_mbps else None,
        switch_ms=SWITCH_MS if switch_ms is None else switch_ms,
        queue_bytes=arguments.queue_bytes,
    )


def _overhead_ms(arguments: argparse.Namespace, options: Options) -> float:
    if arguments.overhead_ms is not None:
        return float(arguments.overhead_ms)
    records = Records(options.state_dir, options.max_records)
    return overhead_ms(
        records.latest(_RECORDS_READ), options.switchover_overhead_ms
    )
