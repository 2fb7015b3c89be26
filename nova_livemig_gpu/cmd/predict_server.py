"""A prediction for a server of this host, from libvirt, NVML and history.

``--max-downtime-ms`` is the budget of the whole pause here, and the end is
QEMU's own, unless ``--model passes`` is asked for: as the policy ``adaptive``
steers it.
"""

import argparse
import time
import uuid
from typing import TYPE_CHECKING

from nova_livemig_gpu.cmd.failure import Failure, WrongInput
from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.gpu import loader
from nova_livemig_gpu.history import queries
from nova_livemig_gpu.history.store import History
from nova_livemig_gpu.model import DirtyCurve, Mode, Prediction, Stun
from nova_livemig_gpu.prediction import calibration, merge
from nova_livemig_gpu.prediction import stun as stuns
from nova_livemig_gpu.prediction.forecast import (
    Rule,
    Transport,
    Wanted,
    Workload,
    forecast,
)

if TYPE_CHECKING:
    from nova_livemig_gpu.virt import inquiry

#: Of a normal distribution: P90 is so many sigma above the middle.
_P90 = 1.2816


def predict(
    arguments: argparse.Namespace, history: History | None, options: Options
) -> tuple[Prediction, stuns.Spread | None]:
    """Look at the server and predict.

    :raises Failure: it cannot be looked at
    :raises WrongInput: something must be given that is not known
    """
    seen = _look(arguments)
    spread, stun = _stun(seen.vgpus, history)
    curve = _curve(history, seen.server, seen.memory.normal_bytes)
    transport = _transport(arguments, history, seen.host, options)
    budget_ms = arguments.max_downtime_ms
    if budget_ms is None:
        budget_ms = options.max_downtime_ms
    found = forecast(
        Workload(seen.memory, curve, arguments.disk_gb * 1e9, stun),
        transport,
        Wanted(
            limit_ms(budget_ms, transport.overhead_ms),
            Mode(arguments.mode),
            Rule.PASSES if arguments.model == "passes" else Rule.QEMU,
        ),
    )
    errors = queries.errors(history) if history else ()
    return calibration.correct(found, calibration.learn(errors)), spread


def _look(arguments: argparse.Namespace) -> "inquiry.Look":
    # only here: libvirt is not needed for the other predictions
    from nova_livemig_gpu.virt import inquiry

    _check(arguments.server)
    inquiry.silence()
    try:
        seen = inquiry.look(
            arguments.server, loader.load(), arguments.link_mbps
        )
    except inquiry.ServerUnknown as exc:
        raise Failure(exc) from exc
    if seen.missing:
        raise Failure(
            f"Server {seen.server}: of {seen.missing} of its VFIO devices "
            "nothing is known, and so no stun; give --framebuffer-gb and "
            "--gpu instead of --server"
        )
    return seen


def limit_ms(budget_ms: float, overhead_ms: float) -> float:
    """The most that QEMU's limit may be, as in the policy ``adaptive``."""
    return max(budget_ms - overhead_ms, budget_ms / 2)


def _check(server: str) -> None:
    try:
        uuid.UUID(server)
    except ValueError as exc:
        raise WrongInput("--server", f"{server!r} is not a UUID") from exc


def _stun(
    vgpus: tuple[stuns.VgpuUse, ...], history: History | None
) -> tuple[stuns.Spread | None, Stun | None]:
    sizes = [vgpu.framebuffer_bytes for vgpu in vgpus]
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        raise Failure("The framebuffer of a vGPU of this server is unknown")
    if not vgpus:
        return None, None
    seen = queries.stuns(history, [v.key for v in vgpus]) if history else ()
    spread = stuns.spread(vgpus, seen)
    return spread, spread.stun(sum(known), stuns.basis(vgpus))


def _curve(
    history: History | None, server: str, ceiling_bytes: float
) -> DirtyCurve | None:
    if history is None or ceiling_bytes <= 0:
        return None
    seen = queries.curve(history, server, time.time())
    return merge.merge(seen, ceiling_bytes)


def _transport(
    arguments: argparse.Namespace,
    history: History | None,
    host: str,
    options: Options,
) -> Transport:
    known = None
    now = time.time()
    if history is not None and arguments.destination:
        known = queries.bandwidth_bps(
            history, host, arguments.destination, now
        )
    low = None
    if arguments.bandwidth_bps is not None:
        bandwidth = arguments.bandwidth_bps / 8
    elif known is not None:
        bandwidth = known.value
        if known.sigma is not None:
            low = max(bandwidth - _P90 * known.sigma, bandwidth / 10)
    else:
        raise WrongInput(
            "--bandwidth-bps",
            "is needed: no migration from here to --destination is known",
        )
    overhead_ms, p90_ms = _overhead(arguments, history, options, now)
    return Transport(
        bandwidth,
        queue_bytes=arguments.queue_bytes,
        overhead_ms=overhead_ms,
        switch_ms=arguments.switch_ms,
        bandwidth_low_bps=low,
        overhead_p90_ms=p90_ms,
    )


def _overhead(
    arguments: argparse.Namespace,
    history: History | None,
    options: Options,
    now: float,
) -> tuple[float, float | None]:
    if arguments.overhead_ms is not None:
        return arguments.overhead_ms, None
    known = queries.overhead_ms(history, now) if history else None
    if known is None:
        return float(options.switchover_overhead_ms), None
    if known.sigma is None:
        return known.value, None
    return known.value, known.value + _P90 * known.sigma
