"""``nova-livemig-gpu predict``: what a live migration will cost."""

import argparse
import sys
from pathlib import Path
from typing import Any

from nova_livemig_gpu.cmd import (
    output,
    predict_options,
    predict_server,
    settings,
)
from nova_livemig_gpu.cmd.failure import WrongInput
from nova_livemig_gpu.exception import InvalidCurve, InvalidInput
from nova_livemig_gpu.history import queries
from nova_livemig_gpu.history.store import History
from nova_livemig_gpu.model import Mode, Prediction, Stun
from nova_livemig_gpu.prediction import constant, curve_file
from nova_livemig_gpu.prediction import stun as stuns
from nova_livemig_gpu.prediction.forecast import (
    Rule,
    Transport,
    Wanted,
    Workload,
    forecast,
)

_EXAMPLES = """\
examples:
  nova-livemig-gpu predict --curve curve.json --bandwidth-bps 10e9 \\
      --max-downtime-ms 300
  nova-livemig-gpu predict --framebuffer-gb 8,8 --gpu "NVIDIA A40"
  nova-livemig-gpu predict --server UUID --destination HOST
"""


def register(subcommands: Any) -> None:
    """Add ``predict``."""
    parser = subcommands.add_parser(
        "predict",
        help="predict duration and downtime of a live migration",
        description="Predicts how long a live migration takes and how long "
        "the server stands still, before it starts.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    predict_options.of_what(parser)
    predict_options.over_what(parser)
    parser.add_argument("--format", choices=("table", "json"), default="table")
    settings.add_to(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Predict and print.

    :raises WrongInput: naming the option
    :raises Failure: the server cannot be looked at
    """
    _check(arguments)
    history = settings.open_history(arguments, write=False)
    if arguments.server is not None:
        told = predict_server.predict(
            arguments, history, settings.load(arguments)
        )
        values = output.of_migration(told.prediction, told.spread)
        if told.throttle_percent is not None:
            values["throttle_percent"] = told.throttle_percent
        values["rests_on"] = list(told.rests_on)
        output.show(arguments.format, values)
        return
    spread = None
    if arguments.framebuffer_gb is not None:
        spread = _spread(arguments, history)
    if arguments.curve is None:
        assert spread is not None
        size = sum(arguments.framebuffer_gb) * 1e9
        output.show(arguments.format, output.of_stun(spread, size))
        return
    found = _of_curve(arguments, spread)
    output.show(arguments.format, output.of_migration(found, spread))


def _check(arguments: argparse.Namespace) -> None:
    given = [
        f"--{name.replace('_', '-')}"
        for name in ("curve", "server", "framebuffer_gb")
        if getattr(arguments, name) is not None
    ]
    if not given:
        raise WrongInput(
            "--curve", "give --curve, --server or --framebuffer-gb"
        )
    if arguments.measure and "--server" not in given:
        raise WrongInput("--measure", "needs --server")
    if "--server" in given:
        if len(given) > 1:
            raise WrongInput("--server", f"not allowed with {given[0]}")
        if arguments.model == "constant":
            raise WrongInput("--model", "constant needs --curve")
    if arguments.framebuffer_gb is not None and not arguments.gpu:
        raise WrongInput("--gpu", "is needed with --framebuffer-gb")
    if arguments.curve is not None:
        for name in ("bandwidth_bps", "max_downtime_ms"):
            if getattr(arguments, name) is None:
                option = f"--{name.replace('_', '-')}"
                raise WrongInput(option, "is needed with --curve")


def _spread(
    arguments: argparse.Namespace, history: History | None
) -> stuns.Spread:
    key = stuns.StunKey(
        arguments.gpu,
        arguments.vgpu_type,
        arguments.driver,
        predict_options.link_mbps(arguments),
    )
    vgpus = [
        stuns.VgpuUse(key, round(gb * 1e9)) for gb in arguments.framebuffer_gb
    ]
    seen = queries.stuns(history, [key]) if history else ()
    return stuns.spread(vgpus, seen)


def _stun(
    arguments: argparse.Namespace, spread: stuns.Spread | None
) -> Stun | None:
    if spread is None:
        return None
    return spread.stun(round(sum(arguments.framebuffer_gb) * 1e9), "given")


def _of_curve(
    arguments: argparse.Namespace, spread: stuns.Spread | None
) -> Prediction:
    file = _file(arguments.curve)
    curve = file.curve
    rule = Rule.PASSES
    if arguments.model == "constant":
        curve = constant.flat(curve)
    elif arguments.model == "qemu":
        rule = Rule.QEMU
    try:
        return forecast(
            Workload(
                file.memory,
                curve,
                arguments.disk_gb * 1e9,
                _stun(arguments, spread),
            ),
            Transport(
                arguments.bandwidth_bps / 8,
                queue_bytes=arguments.queue_bytes,
                overhead_ms=arguments.overhead_ms or 0.0,
                switch_ms=arguments.switch_ms or 0.0,
            ),
            Wanted(arguments.max_downtime_ms, Mode(arguments.mode), rule),
        )
    except InvalidInput as exc:
        raise WrongInput("--curve", exc) from exc


def _file(name: str) -> curve_file.CurveFile:
    try:
        if name == "-":
            return curve_file.parse(sys.stdin.buffer.read())
        return curve_file.parse(Path(name).read_bytes())
    except OSError as exc:
        raise WrongInput("--curve", f"{name}: {exc.strerror}") from exc
    except InvalidCurve as exc:
        raise WrongInput("--curve", f"{name}: {exc}") from exc
